// The case `identity`: a client is bound to a model by its name, whatever number an engine gives it.
#include "runner.hpp"

constexpr std::size_t UNDER_WAY = 32;

namespace {

// A client bound to `bb`. Every answer is that of its row, or there is no such model.
class Bound {
public:
    Bound() : client(channel()), model(id_of(client, "bb")), rows("bb") {}

    bool ask(std::size_t i)
    {
        return judge(i, client.predict(model, rows.x(i % rows.size()), PLENTY));
    }

    bool ask_local(std::size_t i)
    {
        return judge(i, client.predict_local(model, rows.x(i % rows.size())));
    }

    // A batch of so many rows; how many have a prediction.
    std::size_t ask_batch(std::size_t count)
    {
        std::vector<double> inputs;
        for (std::size_t i = 0; i < count; i++) {
            const auto x = rows.x(i % rows.size());
            inputs.insert(inputs.end(), x.data(), x.data() + x.size());
        }
        std::vector<Prediction> answers(count);
        must(client.predict_batch(model, inputs, answers, 3 * PLENTY), "predict_batch");
        std::size_t found = 0;
        for (std::size_t i = 0; i < count; i++) found += judge(i, factord::result_of(answers[i]));
        return found;
    }

    void restart_under_single_requests(const std::string& set)
    {
        conduct("stop");
        for (std::size_t i = 0; i < UNDER_WAY; i++) {
            must(client.submit(model, rows.x(i % rows.size())), "submit");
        }
        conduct("set " + set);
        conduct("kill");
        conduct("start");
        std::uint64_t last = 0;
        for (std::size_t i = 0; i < UNDER_WAY; i++) {
            const auto answer = next_answer(client);
            require(answer.ticket > last, "out of order");
            last = answer.ticket;
            judge(i, answer.prediction);
            ask_local(i);
        }
        nothing_left(client);
    }

    void restart_under_a_batch(const std::string& set)
    {
        const auto epoch = client.epoch();
        conduct("set " + set);
        conduct("restart-after 1000");
        ask_batch(100000);
        for (const Watch watch; client.epoch() == epoch;) {
            require(!watch.over(PLENTY), "the engine was not started again");
            ask(0);
            ask_local(0);
        }
    }

    // What the engine serves now is what its set says.
    void settled(bool served)
    {
        constexpr std::size_t count = 1000;
        const std::string wrong = served ? "bb is not served" : "bb is served";
        for (const Watch watch; ask(0) != served;) require(!watch.over(PLENTY), wrong);
        for (std::size_t i = 0; i < UNDER_WAY; i++) {
            require(ask(i) == served && ask_local(i) == served, wrong);
        }
        require(ask_batch(count) == (served ? count : 0), wrong);
        if (served) require(id_of(client, "bb") == model, "bb has another number");
    }

private:
    bool judge(std::size_t i, const factord::Result<Prediction>& answer)
    {
        if (!answer && answer.error() == Error::unknown_model) return false;
        rows.exact(i % rows.size(), answer);
        return true;
    }

    Client client;
    std::uint16_t model;
    Rows rows;
};

} // namespace

void identity()
{
    static const std::string sets[] = {"renumbered", "late", "crowded", "without", "back", "plain"};
    const char* text = std::getenv("FACTORD_IDENTITY_ROUNDS");
    const std::size_t rounds = text ? std::stoul(text) : 12;
    conduct("set plain");
    conduct("kill");
    conduct("start");
    Bound bound;
    require(bound.ask(0) && bound.ask_local(0), "bb is not served");
    for (std::size_t round = 0; round < rounds; round++) {
        const auto& set = sets[round % std::size(sets)];
        if (round / std::size(sets) % 2 == 0) {
            bound.restart_under_single_requests(set);
        } else {
            bound.restart_under_a_batch(set);
        }
        bound.settled(set != "without");
    }
}
