// Many rows at once: 10,000 days by both models.
#include <factord.hpp>

#include <cstdio>
#include <vector>

static int fail(const char* why)
{
    std::fprintf(stderr, "%s\n", why);
    return 1;
}

int main()
{
    constexpr std::size_t count = 10000;
    std::vector<double> rows;
    for (std::size_t i = 0; i < count; i++) {
        rows.insert(rows.end(), {double(i) / count, 0.2, 0.3});
    }

    factord::Options options;
    // A batch fills as many slots as it is given.
    options.slot_count = 256;
    auto client = factord::Client::attach(options);
    if (!client) return fail(client.error().what());
    const auto regression = client->model("regression");
    if (!regression) return fail(factord::message(regression.error()));
    const auto classification = client->model("classification");
    if (!classification) return fail(factord::message(classification.error()));

    const auto deadline = std::chrono::seconds(1);
    std::vector<factord::Prediction> rates(count);
    std::vector<factord::Prediction> classes(count);
    auto done = client->predict_batch(regression->id, rows, rates, deadline);
    if (done) done = client->predict_batch(classification->id, rows, classes, deadline);
    if (!done) return fail(factord::message(done.error()));

    double sum = 0.0;
    int high = 0;
    for (std::size_t i = 0; i < count; i++) {
        // An entry with an error of its own, such as bad input, has no prediction.
        const auto rate = factord::result_of(rates[i]);
        const auto label = factord::result_of(classes[i]);
        if (!rate || !label) return fail("a row was not answered");
        sum += rate->y;
        high += label->second == 1.0;
    }
    std::printf("%zu rows: mean sell rate %.6f, %d high\n", count, sum / count, high);
}
