// Cases about deadlines while nobody takes connections, about room in the ring, and about waiting for a
// daemon; and the call `late`.
#include "runner.hpp"

#include <functional>
#include <sched.h>

// Everything that does not wait is over by then, on a busy machine too.
constexpr Milliseconds SOON(500);

// Each call beside an engine that neither answers nor takes connections.
static void calls_return(Client& client, std::uint16_t model, const Rows& rows)
{
    constexpr Milliseconds limit(10);
    for (std::size_t i = 0; i < 20; i++) {
        {
            const Watch watch;
            const auto ticket = client.submit(model, rows.x(0));
            watch.took(Seconds(0), SOON);
            if (!ticket) fails(ticket, Error::not_connected, "submit");
        }
        {
            const Watch watch;
            const auto got = client.poll();
            watch.took(Seconds(0), SOON);
            if (!got) fails(got, Error::not_connected, "poll");
            require(!got || !*got, "an answer of an engine that stands still");
        }
        {
            const Watch watch;
            require(!client.predict(model, rows.x(0), limit), "an answer that cannot be");
            watch.took(limit, SOON);
        }
        const Watch watch;
        const auto local = client.predict_local(model, rows.x(i));
        watch.took(Seconds(0), SOON);
        // A second after the last heartbeat it says so.
        if (local || local.error() != Error::not_connected) rows.exact(i, local);
    }
}

void backlog_full()
{
    Client client = channel();
    const auto model = id_of(client, "regression");
    const Rows rows("regression");
    rows.exact(0, client.predict(model, rows.x(0), PLENTY));
    conduct("kill");
    conduct("start");
    conduct("stop");
    calls_return(client, model, rows);
    conduct("fill-backlog");
    calls_return(client, model, rows);
    const Watch watch;
    require(!try_channel(), "attached");
    watch.took(Seconds(0), Seconds(5));
    conduct("continue");
    rows.exact(1, client.predict(model, rows.x(1), PLENTY));
}

void reaped()
{
    Client client = channel();
    const auto model = id_of(client, "regression");
    const Rows rows("regression");
    const factord::Row all(rows.all().data(), 3 * SUITE_SLOTS);
    std::vector<Prediction> answers(SUITE_SLOTS);
    conduct("stop");
    fails(client.predict_batch(model, all, answers, Milliseconds(50)), Error::deadline, "batch");
    auto ticket = client.submit(model, rows.x(SUITE_SLOTS));
    fails(ticket, Error::back_pressure, "submit");
    conduct("continue");
    for (const Watch watch; !ticket; ticket = client.submit(model, rows.x(SUITE_SLOTS))) {
        fails(ticket, Error::back_pressure, "submit");
        require(!watch.over(PLENTY), "abandoned answers are in the way");
    }
    const auto answer = next_answer(client);
    require(answer.ticket == *ticket, "another request's answer");
    rows.exact(SUITE_SLOTS, answer.prediction);
    nothing_left(client);
}

static void nobody_answers(const factord::Options& options)
{
    const auto client = Client::attach(options);
    require(!client && client.error().code() == Error::unreachable, "not unreachable");
}

void attach_wait()
{
    constexpr Milliseconds pause(300);
    auto options = usual_options();
    conduct("kill");
    nobody_answers(options);
    options.wait = pause;
    const Watch watch;
    nobody_answers(options);
    watch.took(pause, Seconds(5));
    conduct("start-after 300");
    options.wait = PLENTY;
    auto client = Client::attach(options);
    require(client.has_value(), client.error().what());
    const Rows rows("regression");
    rows.exact(0, client->predict(id_of(*client, "regression"), rows.x(0), PLENTY));
}

int late()
{
    constexpr std::size_t rounds = 500;
    constexpr Milliseconds limit(10);
    static constexpr std::array<double, 3> row{0.5, 0.25, 0.125};
    auto options = usual_options();
    options.idle = factord::Idle::yield;
    auto attached = Client::attach(options);
    require(attached.has_value(), attached.error().what());
    Client& client = *attached;
    const auto model = id_of(client, "regression");
    must(client.predict(model, row, PLENTY), "predict");
    for (const char* words : {"kill", "start", "stop", "fill-backlog"}) conduct(words);
    const auto idle = [&] {
        const Watch watch;
        while (!watch.over(limit)) sched_yield();
    };
    const struct {
        const char* name;
        std::chrono::nanoseconds limit;
        std::function<void()> call;
    } calls[] = {
        {"predict", limit, [&] { static_cast<void>(client.predict(model, row, limit)); }},
        {"submit", Seconds(0), [&] { static_cast<void>(client.submit(model, row)); }},
        {"poll", Seconds(0), [&] { static_cast<void>(client.poll()); }},
        {"local", Seconds(0), [&] { static_cast<void>(client.predict_local(model, row)); }},
        {"idle", limit, idle},
    };
    std::vector<std::uint64_t> late_ns[std::size(calls)];
    for (std::size_t round = 0; round < rounds; round++) {
        for (std::size_t i = 0; i < std::size(calls); i++) {
            const auto start = suite_now_ns();
            calls[i].call();
            const auto spent = suite_now_ns() - start;
            const auto allowed = static_cast<std::uint64_t>(calls[i].limit.count());
            late_ns[i].push_back(spent > allowed ? spent - allowed : 0);
        }
    }
    for (std::size_t i = 0; i < std::size(calls); i++) {
        std::sort(late_ns[i].begin(), late_ns[i].end());
        std::printf("%s p99_ns %llu worst_ns %llu\n", calls[i].name,
                    static_cast<unsigned long long>(late_ns[i][rounds * 99 / 100]),
                    static_cast<unsigned long long>(late_ns[i].back()));
    }
    return 0;
}
