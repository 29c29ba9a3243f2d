// Cases about what stands in regions: a golden image, and ones that lie.
#include "runner.hpp"

// A good row, for those who will not answer it.
static constexpr std::array<double, 3> ROW{0.5, 0.25, 0.125};

// Room for the model table of every false daemon.
using Table = std::array<factord::ModelRow, 16>;

void golden_image()
{
    constexpr std::size_t image_rows = 8;
    constexpr std::uint64_t image_epoch = 42;
    const struct {
        const char* name;
        factord::Kind kind;
        std::uint32_t generation;
    } models[] = {{"regression", factord::Kind::linear, 7},
                  {"classification", factord::Kind::logistic, 8}};
    Client client = channel(impostor("good"));
    Table table;
    require(client.models(table) == 2, "another number of models");
    for (std::uint16_t i = 0; i < 2; i++) {
        const auto& row = table[i];
        require(row.id == i && row.name == std::string(models[i].name), "another name");
        require(factord::Kind(row.kind) == models[i].kind && row.width == 3, "another shape");
        require(row.generation == models[i].generation, "another generation");
    }
    const Rows rows("image");
    require(rows.size() == 2 * image_rows, "another number of rows");
    for (std::size_t i = 0; i < rows.size(); i++) {
        const auto model = std::uint16_t(i / image_rows);
        const auto ring = rows.exact(i, client.predict(model, rows.x(i), PLENTY));
        const auto local = rows.exact(i, client.predict_local(model, rows.x(i)));
        require(ring.generation == models[model].generation, "another generation");
        require(local.generation == models[model].generation, "another local generation");
        require(ring.epoch == image_epoch, "another epoch");
    }
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
        fails(client.predict(0, ROW, Milliseconds(100)), Error::deadline, "resp-ahead");
        watch.took(Milliseconds(100), PLENTY);
    }
    {
        Client client = at("models-wild");
        Table table;
        require(client.models(table) == 10, "models-wild: not ten models");
        for (std::uint16_t model = 0; model < 10; model++) {
            const auto answer = client.predict_local(model, ROW);
            // What cannot be evaluated here is asked for, and that daemon says nothing.
            require(!answer, "models-wild: model " + std::to_string(model) + " answers");
            if (model < 2) fails(answer, Error::unknown_model, "models-wild");
        }
    }
    {
        Client client = at("models-torn");
        const Watch watch;
        require(!client.predict_local(0, ROW), "models-torn: an answer");
        watch.took(Seconds(0), Seconds(5));
    }
    {
        Client client = at("status-wild");
        Table table;
        const auto count = client.models(table);
        require(count == 1, "status-wild: " + std::to_string(count) + " models");
        const auto& row = table[0];
        require(row.id == 2 && row.name == std::string("i"), "status-wild: another name");
        require(row.kind == 9 && row.width == 3 && row.generation == 1, "status-wild: shape");
        fails(client.predict_local(2, ROW), Error::unknown_model, "status-wild");
    }
    const auto odd = impostor("status-odd");
    const Watch watch;
    const auto client = try_channel(odd);
    require(!client && client.error().code() == Error::region, "status-odd: attached");
    watch.took(Seconds(0), Seconds(5));
}
