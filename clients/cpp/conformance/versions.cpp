// Cases about the versions of one name: pinned, and divided by unit keys.
#include "runner.hpp"

// Predicts until an answer is of a generation, or, where that is 0, until there is one: a worker
// adopts a version between two sweeps.
static void answered(Client& client, std::uint16_t model, factord::Row x,
                     std::uint32_t generation = 0)
{
    for (const Watch watch; !watch.over(PLENTY);) {
        const auto answer = client.predict(model, x, PLENTY);
        if (!answer) fails(answer, Error::other_version, "predict");
        if (answer && (generation == 0 || answer->generation == generation)) return;
    }
    throw Fault{"the version never answered"};
}

static void right(Client& client, std::uint16_t model, const Rows& rows)
{
    for (std::size_t i = 0; i < rows.size(); i++) {
        rows.exact(i, client.predict(model, rows.x(i), PLENTY));
        rows.exact(i, client.predict_local(model, rows.x(i)));
    }
}

static void other_version(Client& client, std::uint16_t model, factord::Row x)
{
    fails(client.predict(model, x, PLENTY), Error::other_version, "predict");
    fails(client.predict_local(model, x), Error::other_version, "predict_local");
}

void pinned()
{
    Client client = channel();
    conduct("swap a");
    const Rows a("swing-a");
    const Rows b("swing-b");
    const Rows bad("bad");
    const auto swing = must(client.model("swing"), "swing");
    factord::Sha256 sha256;
    std::copy(std::begin(swing.sha256), std::end(swing.sha256), sha256.begin());
    const auto pin = must(client.pin("swing", sha256), "pin");
    require(pin != swing.id, "the pinned number is that of the name");
    fails(client.pin("no-such-model", sha256), Error::unknown_model, "a name of nobody");
    answered(client, pin, a.x(0));
    right(client, pin, a);
    const auto generation = std::uint32_t(std::stoul(conduct("swap b")));
    answered(client, swing.id, b.x(0), generation);
    other_version(client, pin, b.x(0));
    std::vector<Prediction> answers(b.size());
    must(client.predict_batch(pin, b.all(), answers, PLENTY), "predict_batch");
    for (const auto& answer : answers) {
        fails(factord::result_of(answer), Error::other_version, "a row of a batch");
    }
    for (std::size_t i = 0; i < bad.size(); i++) {
        fails(client.predict(pin, bad.x(i), PLENTY), Error::bad_input, "a bad row");
    }
    right(client, swing.id, b);
    conduct("swap a");
    answered(client, pin, a.x(0));
    right(client, pin, a);
    sha256.fill(7);
    other_version(client, must(client.pin("swing", sha256), "pin"), a.x(0));
}

void unit_keys()
{
    Client client = channel(impostor("divided"));
    const Rows rows("divided");
    for (std::size_t i = 0; i < rows.size(); i++) {
        rows.of_request(i, client.predict(0, rows.x(i), PLENTY, rows.key(i)));
    }
    factord::Sha256 sha256;
    const auto regression = must(client.model("regression"), "regression");
    std::copy(std::begin(regression.sha256), std::end(regression.sha256), sha256.begin());
    fails(client.pin("regression", sha256), Error::divided, "pin");
    must(client.fetch(0, PLENTY), "fetch");
    for (std::size_t i = 0; i < rows.size(); i++) {
        rows.of_request(i, client.predict_local(0, rows.x(i), rows.key(i)));
    }
}
