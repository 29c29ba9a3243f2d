// What the C++ client promises beyond the conformance suite: it owns its channel, is moved and never
// copied, throws nothing, and views whatever holds features. Ends with `N passed, N failed`.
#include "daemon.h"
#include "environment.h"

#include <factord.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

using factord::Client;
using factord::Error;
using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<Client> && !std::is_copy_assignable_v<Client>);
static_assert(std::is_nothrow_move_constructible_v<Client>);
static_assert(std::is_nothrow_move_assignable_v<Client>);
static_assert(std::is_nothrow_destructible_v<Client>);
static_assert(sizeof(Client) == sizeof(void*));

template <class Call, class... Given>
constexpr bool never_throws = std::is_nothrow_invocable_v<Call, Given...>;
using Ns = std::chrono::nanoseconds;
static_assert(never_throws<decltype(&Client::predict), Client, std::uint16_t, factord::Row, Ns,
                           std::uint64_t>);
static_assert(never_throws<decltype(&Client::submit), Client, std::uint16_t, factord::Row,
                           std::uint64_t>);
static_assert(never_throws<decltype(&Client::poll), Client>);
static_assert(never_throws<decltype(&Client::poll_many), Client, factord::View<std::uint64_t>,
                           factord::View<factord::Prediction>>);
static_assert(never_throws<decltype(&Client::predict_local), Client, std::uint16_t, factord::Row,
                           std::uint64_t>);
static_assert(never_throws<decltype(&Client::predict_each), Client,
                           factord::View<const std::uint16_t>, factord::Row,
                           factord::View<factord::Prediction>, Ns>);
static_assert(never_throws<decltype(&Client::fetch), Client, std::uint16_t, Ns>);
static_assert(never_throws<decltype(&Client::pin), Client, const char*, factord::Sha256>);
static_assert(never_throws<decltype(&Client::predict_batch), Client, std::uint16_t, factord::Row,
                           factord::View<factord::Prediction>, Ns, std::uint64_t>);
static_assert(never_throws<decltype(&Client::attach), const factord::Options&>);

static int failures;

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                                           \
        }                                                                         \
    } while (0)

static Client attach(const char* socket, std::uint32_t slots = 8)
{
    factord::Options options;
    options.socket = socket;
    options.slot_count = slots;
    options.idle = factord::Idle::backoff;
    auto client = Client::attach(options);
    if (!client) die(client.error().what());
    return std::move(*client);
}

static void a_client_is_moved_and_says_not_connected_afterwards(const char* socket)
{
    Client first = attach(socket);
    factord_client* const owned = first.get();
    Client second = std::move(first);
    CHECK(second.get() == owned && second.connected() && second.epoch() != 0);
    Client third;
    third = attach(socket);
    third = std::move(second);
    CHECK(third.get() == owned);
    CHECK(third.predict(0, {0.5, 0.2, 0.3}, 10s));
    factord::Prediction answers[1];
    for (Client* empty : {&first, &second}) {
        CHECK(!empty->connected() && empty->slot_count() == 0 && empty->output_count() == 0);
        CHECK(empty->models({nullptr, 0}) == 0 && empty->worker_cores().empty());
        CHECK(empty->in_flight() == 0 && empty->rows_sequence() == 0 && !empty->ticks_to_ns(1, 2));
        CHECK(empty->predict(0, {0.5, 0.2, 0.3}, 1s).error() == Error::not_connected);
        CHECK(empty->predict_local(0, {0.5, 0.2, 0.3}).error() == Error::not_connected);
        CHECK(empty->submit(0, {0.5, 0.2, 0.3}).error() == Error::not_connected);
        CHECK(empty->poll().error() == Error::not_connected);
        CHECK(empty->poll_many({nullptr, 0}, answers).error() == Error::not_connected);
        CHECK(empty->predict_each({nullptr, 0}, {0.5, 0.2, 0.3}, {nullptr, 0}, 1s).error() ==
              Error::not_connected);
        CHECK(empty->fetch(0, 1s).error() == Error::not_connected);
        CHECK(empty->pin("regression", {}).error() == Error::not_connected);
        CHECK(empty->model("regression").error() == Error::not_connected);
        CHECK(empty->predict_batch(0, {0.5, 0.2, 0.3}, answers, 1s).error() == Error::not_connected);
        empty->stamp(true);
    }
}

static void features_come_from_whatever_holds_them(const char* socket)
{
    Client client = attach(socket);
    const std::array<double, 3> array{0.5, 0.2, 0.3};
    const std::vector<double> vector(array.begin(), array.end());
    const double plain[] = {0.5, 0.2, 0.3};
    const auto expected = client.predict(0, {0.5, 0.2, 0.3}, 10s);
    CHECK(expected && expected->y == 0.500053855850386);
    CHECK(client.predict(0, array, 10s)->y == expected->y);
    CHECK(client.predict(0, vector, 10s)->y == expected->y);
    CHECK(client.predict(0, plain, 10s)->y == expected->y);
    CHECK(client.predict(0, {array.data(), array.size()}, 10s)->y == expected->y);
    CHECK(client.predict_local(0, vector)->y == expected->y);
    CHECK(client.predict(0, {0.5, 0.2}, 10s).error() == Error::width_mismatch);
    CHECK(client.predict(0, {0.5, 0.2, NAN}, 10s).error() == Error::bad_input);
    CHECK(client.predict(0, {0.5, 0.2, NAN}, -1s).error() != Error::ok);
}

static void answers_are_values_or_errors(const char* socket)
{
    Client client = attach(socket, 64);
    std::vector<double> rows;
    for (int i = 0; i < 1000; i++) {
        rows.insert(rows.end(), {i / 1000.0, i == 500 ? INFINITY : 0.2, 0.3});
    }
    std::vector<factord::Prediction> answers(1000);
    CHECK(client.predict_batch(0, rows, answers, 10s));
    for (int i = 0; i < 1000; i++) {
        const auto answer = factord::result_of(answers[std::size_t(i)]);
        CHECK(answer.has_value() == (i != 500));
        if (!answer) CHECK(answer.error() == Error::bad_input);
    }
    answers.pop_back();
    CHECK(client.predict_batch(0, rows, answers, 10s).error() == Error::width_mismatch);
    const auto ticket = client.submit(0, {0.5, 0.2, 0.3});
    CHECK(ticket);
    std::optional<factord::Answer> taken;
    while (!taken) {
        auto next = client.poll();
        if (!next) die(factord::message(next.error()));
        taken = *next;
    }
    CHECK(taken->ticket == *ticket && taken->prediction->y == 0.500053855850386);
    std::array<factord::ModelRow, 3> table;
    CHECK(client.models(table) == 2 && client.models({table.data(), 1}) == 2);
    for (const auto& row : {table[0], table[1]}) {
        CHECK(row.width == 3 && client.model(row.name)->id == row.id && row.arm_count == 1);
    }
    CHECK(client.model("nobody").error() == Error::unknown_model);
    CHECK(client.rows_sequence() > 0);
    factord::Options nowhere;
    nowhere.socket = "/nowhere/factord.sock";
    const auto lost = Client::attach(nowhere);
    CHECK(!lost && lost.error().code() == Error::unreachable);
    CHECK(std::string(lost.error().what()).find("/nowhere/factord.sock") != std::string::npos);
}

// One row to two models, answers in one go, keys, time stamps.
static void requests_and_answers_go_in_groups(const char* socket)
{
    Client client = attach(socket);
    const std::array<double, 3> x{0.5, 0.2, 0.3};
    const std::uint16_t models[] = {0, 1, 7};
    std::array<factord::Prediction, 3> each;
    CHECK(client.predict_each(models, x, each, 10s));
    CHECK(each[0].y == client.predict(0, x, 10s, 7)->y && each[1].y == client.predict(1, x, 10s)->y);
    CHECK(factord::result_of(each[2]).error() == Error::unknown_model);
    CHECK(client.predict_each({models, 2}, x, each, 10s).error() == Error::width_mismatch);
    CHECK(client.predict_each(models, {0.5, 0.2}, each, 10s).error() == Error::width_mismatch);
    CHECK(factord::result_of(each[0]).error() == Error::width_mismatch);
    const double y = client.predict(0, x, 10s)->y;
    client.stamp(true);
    for (std::uint64_t i = 1; i <= 4; i++) CHECK(client.submit(0, x, i));
    CHECK(client.in_flight() == 4);
    std::array<std::uint64_t, 4> tickets{};
    std::array<factord::Prediction, 4> answers;
    std::size_t taken = 0;
    while (taken < 4) {
        const auto got = client.poll_many({tickets.data() + taken, 4 - taken},
                                          {answers.data() + taken, 4 - taken});
        if (!got) die(factord::message(got.error()));
        taken += *got;
    }
    for (std::size_t i = 0; i < 4; i++) {
        CHECK(tickets[i] == tickets[0] + i && answers[i].y == y);
        const auto served = client.ticks_to_ns(answers[i].t_received, answers[i].t_done);
        CHECK(served && *served >= 0 && *served < 1e9);
    }
    CHECK(client.in_flight() == 0 && client.worker_cores().size() == 1);
}

static void a_version_is_pinned_and_fetched(const char* socket)
{
    Client client = attach(socket);
    const std::array<double, 3> x{0.5, 0.2, 0.3};
    const auto row = client.model("regression");
    factord::Sha256 sha256;
    std::copy(std::begin(row->sha256), std::end(row->sha256), sha256.begin());
    const auto same = client.pin("regression", sha256);
    sha256[0] ^= 1;
    const auto other = client.pin("regression", sha256);
    CHECK(same && other && *same != row->id && *other != *same);
    CHECK(client.fetch(*same, 10s) && client.fetch(9, 1s).error() == Error::unknown_model);
    const auto answer = client.predict(*same, x, 10s);
    CHECK(answer && answer->fingerprint == row->fingerprints[0]);
    CHECK(client.predict_local(*same, x)->y == answer->y);
    CHECK(client.predict(*other, x, 10s).error() == Error::other_version);
    CHECK(client.predict_local(*other, x).error() == Error::other_version);
    CHECK(client.pin("nobody", sha256).error() == Error::unknown_model);
}

#if defined(HOST_COUNT)
static void local_predictions_do_not_depend_on_what_the_host_has_set(const char* socket)
{
    Client client = attach(socket);
    for (const std::uint32_t state : HOST_STATES) {
        int right = 0;
        int kept = 0;
        for (int i = 0; i < 1000; i++) {
            // Rates, and what has a probability around the least normal number.
            const std::array<double, 3> x{i % 2 ? 2.8 + 2e-4 * i : i / 1000.0, 0.2, 0.3};
            const auto ring = client.predict(i % 2, x, 10s);
            host_set(state);
            const auto local = client.predict_local(i % 2, x);
            const std::uint32_t after = host_get();
            host_set(HOST_DEFAULT);
            if (!ring || !local) die("no answer");
            right += std::memcmp(&ring->y, &local->y, sizeof ring->y) == 0;
            kept += after == state;
        }
        if (right < 1000) std::fprintf(stderr, "%#x: %d of 1000\n", state, right);
        CHECK(right == 1000);
        CHECK(kept == 1000);
    }
}
#endif

// Any duration is a deadline, also one that no 64-bit number of nanoseconds holds.
static void no_deadline_wraps(const char* socket)
{
    using std::chrono::duration;
    using factord::Deadline;
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    static_assert(Deadline(std::chrono::hours::max()).ns() == most);
    static_assert(Deadline(std::chrono::seconds(1)).ns() == 1000000000);
    static_assert(Deadline(std::chrono::nanoseconds::min()).ns() == 0);
    static_assert(Deadline(std::chrono::hours::min()).ns() == 0);
    static_assert(Deadline(duration<std::uint64_t>(20000000000)).ns() == most);
    CHECK(Deadline(duration<double>(0.25)).ns() == 250000000);
    CHECK(Deadline(duration<double>(1e300)).ns() == most && Deadline(duration<double>(NAN)).ns() == 0);
    CHECK(Deadline(duration<int, std::pico>(2500)).ns() == 2);
    Client client = attach(socket);
    CHECK(client.predict(0, {0.5, 0.2, 0.3}, std::chrono::hours::max()));
}

// A subscriber is moved as a client is, and reads what a client was given.
static void a_subscriber_reads_what_a_client_was_given(const char* socket)
{
    using factord::Subscriber;
    static_assert(!std::is_copy_constructible_v<Subscriber>);
    static_assert(std::is_nothrow_move_constructible_v<Subscriber>);
    static_assert(never_throws<decltype(&Subscriber::next), Subscriber>);
    CHECK(!Subscriber().next() && !Subscriber::subscribe(nullptr, "/nowhere/at.all"));
    auto subscribed = Subscriber::subscribe("regression", socket);
    CHECK(subscribed);
    Subscriber subscriber = std::move(*subscribed);
    CHECK(!subscribed->next());
    Client client = attach(socket);
    const auto given = client.predict(0, {0.5, 0.2, 0.3}, 10s, 7);
    client.predict(1, {0.5, 0.2, 0.3}, 10s).value();
    std::optional<factord::Answered> seen;
    for (int i = 0; i < 10000 && !seen; i++) {
        seen = subscriber.next();
        if (!seen) usleep(1000);
    }
    CHECK(given && seen && seen->y == given->y && seen->key == 7 && seen->features[1] == 0.2);
    CHECK(seen && std::string(seen->name) == "regression");
    CHECK(!subscriber.next() && subscriber.missed() == 0);
}

int main()
{
    using Test = void (*)(const char*);
    const std::pair<const char*, Test> tests[] = {
        {"a_client_is_moved_and_says_not_connected_afterwards",
         a_client_is_moved_and_says_not_connected_afterwards},
        {"features_come_from_whatever_holds_them", features_come_from_whatever_holds_them},
        {"answers_are_values_or_errors", answers_are_values_or_errors},
        {"requests_and_answers_go_in_groups", requests_and_answers_go_in_groups},
        {"a_version_is_pinned_and_fetched", a_version_is_pinned_and_fetched},
#if defined(HOST_COUNT)
        {"local_predictions_do_not_depend_on_what_the_host_has_set",
         local_predictions_do_not_depend_on_what_the_host_has_set},
#endif
        {"no_deadline_wraps", no_deadline_wraps},
        {"a_subscriber_reads_what_a_client_was_given", a_subscriber_reads_what_a_client_was_given},
    };
    int failed = 0;
    int passed = 0;
    struct daemon engine = {};
    alarm(120);
    daemon_start(&engine);
    for (const auto& [name, run] : tests) {
        failures = 0;
        run(engine.socket);
        std::printf("%s ... %s\n", name, failures ? "FAILED" : "ok");
        (failures ? failed : passed)++;
    }
    daemon_end(&engine);
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
