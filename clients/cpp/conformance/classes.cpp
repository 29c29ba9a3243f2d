// The case about models of the other class than the channel's.
#include "runner.hpp"

static const char* const NAMES[] = {"wide", "wide-logistic"};
static constexpr std::size_t WIDTH = 1000;

static void right(Client& client)
{
    for (const char* name : NAMES) {
        const auto model = id_of(client, name);
        const Rows rows(name, WIDTH);
        for (std::size_t i = 0; i < rows.size(); i++) {
            rows.exact(i, client.predict(model, rows.x(i), PLENTY));
        }
    }
}

static Client heavy_channel()
{
    factord::Options options = usual_options();
    options.feature_count = WIDTH;
    options.slot_count = 16;
    options.heavy = true;
    auto client = Client::attach(options);
    for (int i = 1; i < SUITE_ATTACHES; i++) {
        if (client || client.error().code() != Error::attach_deadline) break;
        client = Client::attach(options);
    }
    require(client.has_value(), std::string("attach: ") + client.error().what());
    return *std::move(client);
}

static void batch(Client& client, std::uint16_t model, const Rows& rows)
{
    constexpr std::size_t count = 100;
    std::vector<double> inputs;
    std::vector<Prediction> answers(count);
    for (std::size_t i = 0; i < count; i++) {
        const auto x = rows.x(i % rows.size());
        inputs.insert(inputs.end(), x.data(), x.data() + x.size());
    }
    must(client.predict_batch(model, inputs, answers, PLENTY), "predict_batch");
    for (std::size_t i = 0; i < count; i++) {
        rows.exact(i % rows.size(), factord::result_of(answers[i]));
    }
}

void second_channel()
{
    {
        Client client = channel("", WIDTH, 16);
        right(client);
    }
    if (conduct("classes") == "-") return;
    Client client = channel("", WIDTH, 16);
    std::vector<Client> others;
    while (others.size() < 15) others.push_back(channel());
    const auto light = id_of(client, NAMES[0]);
    const auto heavy = id_of(client, NAMES[1]);
    const Rows light_rows(NAMES[0], WIDTH);
    const Rows rows(NAMES[1], WIDTH);
    for (int i = 0; i < 3; i++) {
        fails(client.predict(heavy, rows.x(0), PLENTY), Error::wrong_class, "without room");
        light_rows.exact(0, client.predict(light, light_rows.x(0), PLENTY));
    }
    others.clear();
    for (const Watch watch;;) {
        const auto answer = client.predict(heavy, rows.x(0), PLENTY);
        if (answer || answer.error() != Error::wrong_class) break;
        require(!watch.over(Seconds(5)), "no second channel where there is room");
        suite_sleep_ms(10);
    }
    right(client);
    batch(client, heavy, rows);
    conduct("restart-after 500");
    in_order(client, NAMES, WIDTH, 2000);
    Client other = heavy_channel();
    right(other);
}
