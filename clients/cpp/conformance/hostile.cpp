// Cases about what stands in regions: a golden image, and ones that lie.
#include "runner.hpp"

// A good row, for those who will not answer it.
static constexpr std::array<double, 3> ROW{0.5, 0.25, 0.125};

// Room for the model table of every false daemon.
using Table = std::array<factord::ModelRow, 16>;

// For what must not come.
constexpr Milliseconds TENTH(100);

// Rows of each model of the golden image.
constexpr std::size_t IMAGE_ROWS = 8;

// What this user may not have, or what is not what it says.
static void not_fetched(Client& client, const std::string& what)
{
    fails(client.fetch(0, TENTH), Error::not_fetched, what);
}

// The golden image as a user sees it that may not evaluate locally.
static void unentitled(const Rows& rows)
{
    Client client = channel(impostor("unentitled"));
    not_fetched(client, "unentitled");
    for (std::size_t i = 0; i < IMAGE_ROWS; i++) {
        rows.exact(i, client.predict_local(0, rows.x(i)));
    }
}

void golden_image()
{
    constexpr std::uint64_t image_epoch = 42;
    // Rows of the epoch before, as the header of RESP says.
    constexpr std::size_t earlier_rows = 4;
    const struct {
        const char* name;
        factord::Kind kind;
        std::uint32_t generation;
    } models[] = {{"regression", factord::Kind::linear, SUITE_IMAGE_GENERATION},
                  {"classification", factord::Kind::logistic, SUITE_IMAGE_GENERATION + 1}};
    Client client = channel(impostor("good"));
    Table table;
    require(client.models(table) == 2, "another number of models");
    for (std::uint16_t i = 0; i < 2; i++) {
        const auto& row = table[i];
        require(row.id == i && row.name == std::string(models[i].name), "another name");
        require(factord::Kind(row.kind) == models[i].kind && row.width == 3, "another shape");
        require(row.generation == models[i].generation, "another generation");
    }
    const auto cores = client.worker_cores();
    require(cores.size() == 1 && *cores.begin() == 2, "another CPU of the worker");
    require(client.ticks_to_ns(10, 30) == 10.0, "20 ticks are not 10 ns");
    const Rows rows("image");
    require(rows.size() == 2 * IMAGE_ROWS, "another number of rows");
    for (std::size_t i = 0; i < rows.size(); i++) {
        const auto model = std::uint16_t(i / IMAGE_ROWS);
        const auto ring = rows.exact(i, client.predict(model, rows.x(i), PLENTY));
        const auto local = rows.exact(i, client.predict_local(model, rows.x(i)));
        const auto fingerprint = suite_fingerprint(table[model].sha256);
        of_version(ring, models[model].generation, 0, fingerprint);
        of_version(local, models[model].generation, 0, fingerprint);
        require(ring.epoch == image_epoch - (i < earlier_rows), "another epoch");
        require(local.epoch == image_epoch, "another local epoch");
    }
    unentitled(rows);
}

// A ring that is full of answers before anything is asked.
static void answers_ahead()
{
    std::array<Prediction, 5> answers{};
    const Rows rows("image");
    Client client = channel(impostor("good"));
    nothing_left(client);
    must(client.predict_batch(0, {rows.all().data(), 12}, {answers.data(), 4}, PLENTY), "good");
    for (std::size_t i = 0; i < 4; i++) rows.exact(i, factord::result_of(answers[i]));
    require(answers[4].generation == 0, "good: an answer that nobody asked for");
    nothing_left(client);
}

// Images of an arm that are not what was asked for: the ring has its answers.
static void false_versions()
{
    const Rows rows("divided");
    for (const char* name : {"image-short", "image-long", "image-other", "image-kind",
                             "image-width", "image-form", "image-layout", "image-nan"}) {
        Client client = channel(impostor(name));
        not_fetched(client, name);
        rows.of_request(0, client.predict_local(0, rows.x(0), rows.key(0)));
    }
}

void hostile_answers()
{
    answers_ahead();
    const auto at = [](const char* name) { return channel(impostor(name)); };
    fails(at("resp-echo").predict(0, ROW, PLENTY), Error::echo_mismatch, "resp-echo");
    // The row that the rest of the answer is for.
    const Rows rows("image");
    require(!at("resp-status").predict(0, rows.x(0), PLENTY), "resp-status: an answer");
    {
        Client client = at("resp-ahead");
        const Watch watch;
        fails(client.predict(0, ROW, TENTH), Error::deadline, "resp-ahead");
        watch.took(TENTH, PLENTY);
    }
    {
        Client client = at("epoch-odd");
        const Watch watch;
        rows.exact(0, client.predict(0, rows.x(0), PLENTY));
        watch.took(Seconds(0), Seconds(5));
    }
    {
        Client client = at("models-wild");
        Table table;
        require(client.models(table) == 10, "models-wild: not ten models");
        for (std::uint16_t model = 0; model < 10; model++) {
            const auto answer = client.predict_local(model, ROW);
            // What cannot be evaluated here is asked for, and that daemon says nothing.
            require(!answer, "models-wild: model " + std::to_string(model) + " answers");
        }
    }
    {
        Client client = at("models-torn");
        const Watch watch;
        require(!client.predict_local(0, ROW), "models-torn: an answer");
        watch.took(Seconds(0), Seconds(5));
    }
    fails(at("models-check").predict_local(0, ROW), Error::unknown_model, "models-check");
    {
        Client client = at("status-wild");
        Table table;
        const auto count = client.models(table);
        require(count == 1, "status-wild: " + std::to_string(count) + " models");
        const auto& row = table[0];
        require(row.id == 2 && row.name == std::string("h"), "status-wild: another name");
        require(row.kind == 9 && row.width == 3 && row.generation == 1, "status-wild: shape");
        require(!client.predict_local(2, ROW), "status-wild: an answer");
    }
    const auto odd = impostor("status-odd");
    const Watch watch;
    const auto client = try_channel(odd);
    require(!client && client.error().code() == Error::region, "status-odd: attached");
    watch.took(Seconds(0), Seconds(5));
    false_versions();
}
