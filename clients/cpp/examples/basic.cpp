// From nothing to a prediction. Start a daemon first: `factord serve`.
#include <factord.hpp>

#include <cstdio>

int main()
{
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
    const auto answer = client->predict(model->id, {0.5, 0.2, 0.3}, std::chrono::milliseconds(100));
    if (!answer) {
        std::fprintf(stderr, "%s\n", factord::message(answer.error()));
        return 1;
    }
    std::printf("%.17g by generation %u\n", answer->y, unsigned(answer->generation));
}
