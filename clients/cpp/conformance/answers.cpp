// Cases about answers of a daemon that lives.
#include "runner.hpp"

static constexpr std::array<double, 3> ROW{0.5, 0.25, 0.125};
static const char* const BOTH[] = {"regression", "classification"};

// A good row is answered, whatever went before.
static void still_answers(Client& client)
{
    const Rows rows("regression");
    rows.exact(0, client.predict(id_of(client, "regression"), rows.x(0), PLENTY));
}

static void golden(const char* name)
{
    Client client = channel();
    const auto model = id_of(client, name);
    const Rows rows(name);
    for (std::size_t i = 0; i < rows.size(); i++) {
        const auto answer = rows.exact(i, client.predict(model, rows.x(i), PLENTY));
        require(answer.generation >= 1, "generation 0");
    }
}

void golden_regression()
{
    golden("regression");
}

void golden_classification()
{
    golden("classification");
}

void bad_input()
{
    Client client = channel();
    const Rows bad("bad");
    for (const char* name : BOTH) {
        const auto model = id_of(client, name);
        for (std::size_t i = 0; i < bad.size(); i++) {
            fails(client.predict(model, bad.x(i), PLENTY), Error::bad_input, name);
        }
    }
    still_answers(client);
}

void unknown_model()
{
    Client client = channel();
    fails(client.predict(SUITE_NO_MODEL, ROW, PLENTY), Error::unknown_model, "predict");
    still_answers(client);
}

void width_mismatch()
{
    Client client = channel();
    const auto narrow = id_of(client, "regression");
    fails(client.predict(id_of(client, "wide"), ROW, PLENTY), Error::width_mismatch, "narrow");
    fails(client.predict(narrow, {0.5, 0.25}, PLENTY), Error::width_mismatch, "predict of two");
    fails(client.submit(narrow, {0.5, 0.25}), Error::width_mismatch, "submit of two");
    still_answers(client);
    nothing_left(client);
}

void back_pressure()
{
    Client client = channel();
    const auto model = id_of(client, "regression");
    const Rows rows("regression");
    std::vector<std::uint64_t> tickets;
    conduct("stop");
    for (std::size_t i = 0; i < SUITE_SLOTS; i++) {
        tickets.push_back(must(client.submit(model, rows.x(i)), "submit"));
    }
    for (int i = 0; i < 2; i++) fails(client.submit(model, ROW), Error::back_pressure, "the 65th");
    conduct("continue");
    for (std::size_t i = 0; i <= SUITE_SLOTS; i++) {
        if (i == SUITE_SLOTS) tickets.push_back(must(client.submit(model, rows.x(i)), "submit"));
        const auto answer = next_answer(client);
        require(answer.ticket == tickets[i], "an answer is out of order");
        rows.exact(i, answer.prediction);
    }
}

void in_order(Client& client, const char* const (&names)[2], std::size_t width, std::size_t count)
{
    const std::uint16_t models[] = {id_of(client, names[0]), id_of(client, names[1])};
    const Rows rows[] = {Rows(names[0], width), Rows(names[1], width)};
    std::vector<std::uint64_t> tickets;
    for (std::size_t taken = 0; taken < count; taken++) {
        while (tickets.size() < count && tickets.size() - taken < client.slot_count()) {
            const std::size_t i = tickets.size();
            const auto x = rows[i % 2].x(i % rows[i % 2].size());
            const auto ticket = client.submit(models[i % 2], x);
            // It is coming back.
            const bool gone = !ticket && ticket.error() == Error::not_connected;
            if (gone && i > taken) break;
            if (!gone) tickets.push_back(must(ticket, "submit"));
        }
        const auto answer = next_answer(client);
        require(answer.ticket == tickets[taken], "an answer is out of order");
        rows[taken % 2].exact(taken % rows[taken % 2].size(), answer.prediction);
    }
    nothing_left(client);
}

void pipelined_order()
{
    Client client = channel();
    in_order(client, {"regression", "classification"}, 3, 10000);
}

void batch_golden()
{
    Client client = channel();
    const auto model = id_of(client, "regression");
    const Rows rows("regression");
    const Rows bad("bad");
    std::vector<double> inputs(rows.all().data(), rows.all().data() + rows.all().size());
    inputs.insert(inputs.end(), bad.all().data(), bad.all().data() + bad.all().size());
    std::vector<Prediction> answers(rows.size() + bad.size());
    must(client.predict_batch(model, inputs, answers, PLENTY), "predict_batch");
    for (std::size_t i = 0; i < rows.size(); i++) rows.exact(i, factord::result_of(answers[i]));
    for (std::size_t i = rows.size(); i < answers.size(); i++) {
        fails(factord::result_of(answers[i]), Error::bad_input, "a bad row");
    }
    answers.clear();
    must(client.predict_batch(model, {nullptr, 0}, answers, Seconds(0)), "an empty batch");
}

void local_equals_ring()
{
    Client client = channel();
    const Rows bad("bad");
    for (const char* name : BOTH) {
        const auto model = id_of(client, name);
        const auto fingerprint = fingerprint_of(client, name);
        const Rows rows(name);
        for (std::size_t i = 0; i < rows.size(); i++) {
            const auto ring = rows.exact(i, client.predict(model, rows.x(i), PLENTY));
            const auto local = rows.exact(i, client.predict_local(model, rows.x(i)));
            of_version(ring, ring.generation, 0, fingerprint);
            of_version(local, ring.generation, 0, fingerprint);
        }
        for (std::size_t i = 0; i < bad.size(); i++) {
            fails(client.predict_local(model, bad.x(i)), Error::bad_input, name);
        }
    }
    fails(client.predict_local(SUITE_NO_MODEL, ROW), Error::unknown_model, "predict_local");
}

void wide()
{
    Client client = channel("", 1000, 16);
    for (const char* name : {"wide", "wide-logistic"}) {
        const auto model = id_of(client, name);
        const auto fingerprint = fingerprint_of(client, name);
        const Rows rows(name, 1000);
        must(client.fetch(model, PLENTY), "fetch");
        for (std::size_t i = 0; i < rows.size(); i++) {
            const auto ring = rows.exact(i, client.predict(model, rows.x(i), PLENTY));
            const auto local = rows.exact(i, client.predict_local(model, rows.x(i)));
            of_version(ring, ring.generation, 0, fingerprint);
            of_version(local, ring.generation, 0, fingerprint);
        }
    }
    const std::vector<double> zeros(1000);
    fails(client.predict(id_of(client, "regression"), zeros, PLENTY), Error::width_mismatch, "wide");
    Client narrow = channel();
    for (const char* name : {"wide", "wide-logistic"}) {
        const auto model = id_of(narrow, name);
        const Rows rows(name, 1000);
        const auto local = narrow.predict_local(model, rows.x(0));
        if (local || local.error() != Error::not_fetched) rows.exact(0, local);
        must(narrow.fetch(model, PLENTY), "fetch");
        rows.exact(0, narrow.predict_local(model, rows.x(0)));
    }
}
