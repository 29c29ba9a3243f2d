// The calls `ping`, `csv` and `units`.
#include "runner.hpp"

#include <cinttypes>
#include <iostream>
#include <sstream>

// Slots of the channel that batches go through.
constexpr std::uint32_t BATCH_SLOTS = 256;

static std::vector<double> inputs;

static Client open_channel(factord::Idle idle, std::uint32_t slots)
{
    factord::Options options;
    options.name = "conformance";
    options.idle = idle;
    options.slot_count = slots;
    auto client = Client::attach(options);
    require(client.has_value(), client.error().what());
    return *std::move(client);
}

static void go(Client& client, std::uint16_t model, std::size_t count)
{
    static std::size_t next;
    std::vector<std::uint64_t> groups_ns(count);
    for (auto& group_ns : groups_ns) {
        const auto start = suite_now_ns();
        for (int i = 0; i < SUITE_GROUP; i++) {
            const auto answer = client.predict(model, {&inputs[3 * next], 3}, PLENTY);
            if (!answer) throw Fault{factord::message(answer.error())};
            next = (next + 1) % SUITE_INPUTS;
        }
        group_ns = suite_now_ns() - start;
    }
    require(count > 0, "no groups");
    std::sort(groups_ns.begin(), groups_ns.end());
    std::printf("p50_ns %.1f\n", double(groups_ns[count / 2]) / SUITE_GROUP);
}

static void many(Client& client, std::uint16_t model, std::size_t count)
{
    std::vector<double> rows;
    for (std::size_t i = 0; i < 3 * count; i++) rows.push_back(inputs[i % inputs.size()]);
    std::vector<Prediction> answers(count);
    std::uint64_t spent = 1;
    for (int i = 0; i < 2; i++) {
        const auto start = suite_now_ns();
        must(client.predict_batch(model, rows, answers, PLENTY), "predict_batch");
        spent = suite_now_ns() - start;
    }
    std::printf("per_second %.0f\n", double(count) * 1e9 / double(spent));
}

int ping()
{
    Client client = open_channel(factord::Idle::spin, 8);
    Client batch_client = open_channel(factord::Idle::spin, BATCH_SLOTS);
    const auto model = id_of(client, "regression");
    inputs.resize(3 * SUITE_INPUTS);
    for (std::size_t i = 0; i < SUITE_INPUTS; i++) suite_input(i, &inputs[3 * i]);
    std::printf("ready\n");
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string verb;
        std::size_t count = 0;
        words >> verb >> count;
        if (verb == "go") {
            go(client, model, count);
        } else if (verb == "many") {
            many(batch_client, model, count);
        } else {
            std::fprintf(stderr, "no such line: %s\n", line.c_str());
            return 2;
        }
        std::fflush(stdout);
    }
    return 0;
}

// Predicts all rows with a model; every one must be answered.
static std::vector<Prediction> predict_all(Client& client, const char* name, factord::Row rows)
{
    std::vector<Prediction> answers(rows.size() / 3);
    must(client.predict_batch(id_of(client, name), rows, answers, PLENTY), name);
    for (const auto& answer : answers) must(factord::result_of(answer), name);
    return answers;
}

int csv(const char* input, const char* output)
{
    double* read = nullptr;
    const std::size_t count = suite_read_csv(input, &read);
    require(count > 0, std::string(input) + " holds no rows");
    const std::vector<double> rows(read, read + 3 * count);
    free(read);
    Client client = open_channel(factord::Idle::backoff, BATCH_SLOTS);
    const auto rates = predict_all(client, "regression", rows);
    const auto classes = predict_all(client, "classification", rows);
    FILE* file = std::fopen(output, "w");
    require(file != nullptr, std::string(output) + " cannot be written");
    for (std::size_t i = 0; i < count; i++) {
        std::fprintf(file, "%016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", suite_bits(rates[i].y),
                     suite_bits(classes[i].y), suite_bits(classes[i].second));
    }
    return std::fclose(file) != 0;
}

// Asks through the ring and locally, some in a batch too, and writes what answered.
int units(const char* count, const char* output)
{
    Client client = open_channel(factord::Idle::backoff, 64);
    const auto model = id_of(client, "regression");
    must(client.fetch(model, PLENTY), "fetch");
    FILE* file = std::fopen(output, "w");
    require(file != nullptr, std::string(output) + " cannot be written");
    const auto write = [file](const Prediction& answer, char end) {
        std::fprintf(file, "%" PRIu32 " %u %016" PRIx64 " %016" PRIx64 "%c", answer.generation,
                     unsigned(answer.arm), answer.fingerprint, suite_bits(answer.y), end);
    };
    const std::uint64_t all = std::stoull(count);
    for (std::uint64_t index = 0; index < all; index++) {
        double x[3];
        suite_input(index, x);
        const std::uint64_t key = index % 4 == 3 ? 0 : (index + 1) * 0x9E3779B97F4A7C15;
        const bool in_a_batch = index % 499 == 0;
        write(must(client.predict(model, {x, 3}, PLENTY, key), "predict"), ' ');
        write(must(client.predict_local(model, {x, 3}, key), "predict_local"),
              in_a_batch ? ' ' : '\n');
        if (!in_a_batch) continue;
        std::vector<Prediction> answers(1);
        must(client.predict_batch(model, {x, 3}, answers, PLENTY, key), "predict_batch");
        write(must(factord::result_of(answers[0]), "predict_batch"), '\n');
    }
    return std::fclose(file) != 0;
}
