// How long a prediction takes there and back: groups of 16, the median group divided by 16.
#include <factord.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>

int main()
{
    using Clock = std::chrono::steady_clock;
    constexpr std::size_t group = 16;
    constexpr std::size_t groups = 20000;

    auto client = factord::Client::attach();
    if (!client) {
        std::fprintf(stderr, "%s\n", client.error().what());
        return 1;
    }
    const auto model = client->model("regression");
    if (!model) {
        std::fprintf(stderr, "%s\n", factord::message(model.error()));
        return 1;
    }
    std::vector<double> groups_ns;
    groups_ns.reserve(groups);
    while (groups_ns.size() < groups) {
        const auto start = Clock::now();
        for (std::size_t i = 0; i < group; i++) {
            const double rate = 0.4 + 0.001 * double(i);
            const auto answer = client->predict(model->id, {rate, 0.2, 0.3}, std::chrono::seconds(1));
            if (!answer) {
                std::fprintf(stderr, "%s\n", factord::message(answer.error()));
                return 1;
            }
        }
        groups_ns.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count());
    }
    std::sort(groups_ns.begin(), groups_ns.end());
    std::printf("round trip: p50 %.1f ns, p99 %.1f ns, of %zu groups of %zu\n",
                groups_ns[groups / 2] / group, groups_ns[groups / 100 * 99] / group, groups, group);
}
