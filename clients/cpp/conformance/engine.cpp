// Cases about a daemon that stands still, dies, comes back or changes a model.
#include "runner.hpp"

void deadline()
{
    Client client = channel();
    const auto model = id_of(client, "regression");
    const Rows rows("regression");
    conduct("stop");
    const Watch watch;
    fails(client.predict(model, rows.x(0), Milliseconds(50)), Error::deadline, "predict");
    watch.took(Milliseconds(50), Seconds(5));
    conduct("continue");
    rows.exact(1, client.predict(model, rows.x(1), PLENTY));
    nothing_left(client);
}

void engine_killed()
{
    Client client = channel();
    const auto model = id_of(client, "regression");
    const Rows rows("regression");
    const auto first = rows.exact(0, client.predict(model, rows.x(0), PLENTY));
    conduct("kill");
    const Watch watch;
    fails(client.predict(model, rows.x(1), Seconds(1)), Error::not_connected, "predict");
    watch.took(Seconds(1), PLENTY);
    conduct("start");
    const auto second = rows.exact(2, client.predict(model, rows.x(2), PLENTY));
    require(second.epoch > first.epoch, "the epoch did not grow");
    conduct("stop");
    for (std::size_t i = 3; i < 8; i++) must(client.submit(model, rows.x(i)), "submit");
    conduct("kill");
    conduct("start");
    std::uint64_t last = 0;
    for (std::size_t i = 3; i < 8; i++) {
        const auto answer = next_answer(client);
        require(answer.ticket > last, "out of order");
        require(rows.exact(i, answer.prediction).epoch > second.epoch, "the epoch did not grow");
        last = answer.ticket;
    }
    nothing_left(client);
}

// One batch of golden rows over and over: all of them right; how many epochs answered.
static int right_batch(Client& client, const Rows& rows, factord::Row inputs, Seconds limit)
{
    std::vector<Prediction> answers(inputs.size() / 3);
    must(client.predict_batch(id_of(client, "regression"), inputs, answers, limit), "predict_batch");
    std::uint64_t epoch = 0;
    int epochs = 0;
    for (std::size_t i = 0; i < answers.size(); i++) {
        const auto found = rows.exact(i % rows.size(), factord::result_of(answers[i]));
        require(found.epoch >= epoch, "the epoch went back");
        epochs += found.epoch > epoch;
        epoch = found.epoch;
    }
    return epochs;
}

void batch_across_kill()
{
    constexpr std::size_t count = 1000000;
    constexpr int tries = 10;
    Client client = channel();
    const Rows rows("regression");
    std::vector<double> inputs;
    for (std::size_t i = 0; i < 3 * count; i++) {
        inputs.push_back(rows.all().data()[i % rows.all().size()]);
    }
    bool across = false;
    for (int i = 0; i < tries && !across; i++) {
        conduct("restart-after 20000");
        across = right_batch(client, rows, inputs, 3 * PLENTY) > 1;
    }
    require(across, "no kill fell into one of 10 batches");
    conduct("reset");
    const auto model = id_of(client, "regression");
    const factord::Row few(inputs.data(), 3000);
    std::vector<Prediction> answers(1000);
    conduct("kill");
    const Watch watch;
    fails(client.predict_batch(model, few, answers, Milliseconds(500)), Error::not_connected,
          "predict_batch");
    watch.took(Milliseconds(500), PLENTY);
    conduct("start");
    right_batch(client, rows, few, PLENTY);
}

static std::uint32_t swapped(const std::string& variant)
{
    return std::uint32_t(std::stoul(conduct("swap " + variant)));
}

// Swaps to a variant and looks until an answer names its generation, which is returned.
static std::uint32_t swap_to(Client& client, const std::string& variant, std::uint32_t before,
                             const Rows& rows_before)
{
    const auto model = id_of(client, "swing");
    const Rows rows("swing-" + variant);
    const auto generation = swapped(variant);
    require(generation > before, "the generation did not grow");
    const Watch watch;
    for (std::size_t i = 0;; i = (i + 1) % rows.size()) {
        const auto answer = client.predict(model, rows.x(i), PLENTY);
        if (must(answer, "predict").generation == generation) {
            rows.exact(i, answer);
            break;
        }
        require(answer->generation == before, "an answer of another generation");
        rows_before.exact(i, answer);
        require(!watch.over(PLENTY), "the new generation never answered");
    }
    for (std::size_t i = 0; i < rows.size(); i++) {
        rows.exact(i, client.predict(model, rows.x(i), PLENTY));
        const auto local = rows.exact(i, client.predict_local(model, rows.x(i)));
        require(local.generation == generation, "a local answer of another generation");
    }
    require(must(client.model("swing"), "swing").generation == generation, "the table says another");
    return generation;
}

void model_swapped()
{
    Client client = channel();
    const auto first = swapped("a");
    const auto second = swap_to(client, "b", first, Rows("swing-a"));
    swap_to(client, "a", second, Rows("swing-b"));
}
