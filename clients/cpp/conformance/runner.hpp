// The C++ runner's own ground: a failed case throws a Fault, and its channels close by themselves.
#ifndef RUNNER_HPP
#define RUNNER_HPP

#include "suite.h"

#include <factord.hpp>

#include <algorithm>
#include <string>
#include <vector>

using factord::AttachError;
using factord::Client;
using factord::Error;
using factord::Prediction;
using Seconds = std::chrono::seconds;
using Milliseconds = std::chrono::milliseconds;

// For everything that must come, on a busy machine too.
constexpr Seconds PLENTY(10);

// Why a case failed.
struct Fault {
    std::string why;
};

inline void require(bool condition, const std::string& why)
{
    if (!condition) throw Fault{why};
}

// The value of a result, which must have one.
template <class T>
T must(factord::Result<T> result, const std::string& what)
{
    require(result.has_value(), what + ": " + factord::message(result.error()));
    return *std::move(result);
}

inline void must(const factord::Result<void>& result, const std::string& what)
{
    require(result.has_value(), what + ": " + factord::message(result.error()));
}

// Fails unless there is this very error.
template <class T>
void fails(const factord::Result<T>& result, Error expected, const std::string& what)
{
    const Error found = result ? Error::ok : result.error();
    require(found == expected, what + ": `" + factord::message(found) + "` instead of `" +
                                   factord::message(expected) + "`");
}

// Fails unless an answer is of this version.
inline void of_version(const Prediction& answer, std::uint32_t generation, std::uint64_t arm,
                       std::uint64_t fingerprint)
{
    require(answer.generation == generation,
            "generation " + std::to_string(answer.generation) + ", not " +
                std::to_string(generation));
    require(answer.arm == arm,
            "arm " + std::to_string(answer.arm) + ", not " + std::to_string(arm));
    require(answer.fingerprint == fingerprint,
            "fingerprint " + std::to_string(answer.fingerprint) + ", not " +
                std::to_string(fingerprint));
}

// The rows of a golden file.
class Rows {
public:
    explicit Rows(const std::string& name, std::size_t width = 3)
    {
        const auto form = name == "bad"       ? SUITE_BAD
                          : name == "divided" ? SUITE_REQUESTS
                                              : SUITE_ROWS;
        require(suite_read(&rows_, name.c_str(), width, form), name + ".golden is not sound");
    }
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;
    ~Rows() { suite_free_rows(&rows_); }

    std::size_t size() const { return rows_.count; }
    factord::Row x(std::size_t row) const { return {rows_.x + row * rows_.width, rows_.width}; }
    factord::Row all() const { return {rows_.x, rows_.count * rows_.width}; }
    std::uint64_t key(std::size_t row) const { return rows_.key[row]; }

    // Fails unless an answer has the bits of a row; gives it back.
    Prediction exact(std::size_t row, const factord::Result<Prediction>& answer) const
    {
        const Prediction found = must(answer, "row " + std::to_string(row));
        require(suite_bits(found.y) == rows_.y[row] && suite_bits(found.second) == rows_.second[row],
                "row " + std::to_string(row) + ": other bits");
        return found;
    }

    // Fails unless an answer is that of a request of the image `divided`.
    void of_request(std::size_t row, const factord::Result<Prediction>& answer) const
    {
        of_version(exact(row, answer), SUITE_IMAGE_GENERATION, rows_.arm[row],
                   rows_.fingerprint[row]);
    }

private:
    suite_rows rows_;
};

// A stop watch, for what must take so long and no longer.
class Watch {
public:
    void took(std::chrono::nanoseconds least, std::chrono::nanoseconds most) const
    {
        const auto spent = std::chrono::steady_clock::now() - start_;
        require(spent >= least && spent <= most,
                "took " + std::to_string(std::chrono::nanoseconds(spent).count()) + " ns");
    }

    bool over(std::chrono::nanoseconds limit) const
    {
        return std::chrono::steady_clock::now() - start_ > limit;
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

inline std::string conduct(const std::string& words)
{
    char said[256];
    require(suite_conduct(words.c_str(), said, sizeof said), "the conductor cannot " + words);
    return said;
}

// Starts a false daemon; its socket.
inline std::string impostor(const std::string& name)
{
    return conduct("impostor " + name);
}

// Of a channel at the daemon.
inline factord::Options usual_options()
{
    factord::Options options;
    options.name = "conformance";
    options.slot_count = SUITE_SLOTS;
    // The cores are shared with the daemon and with whatever else runs.
    options.idle = factord::Idle::backoff;
    return options;
}

inline factord::Result<Client, AttachError> try_channel(const std::string& socket = "",
                                                        std::uint32_t features = 3,
                                                        std::uint32_t slots = SUITE_SLOTS)
{
    factord::Options options = usual_options();
    options.socket = socket.empty() ? nullptr : socket.c_str();
    options.feature_count = features;
    options.slot_count = slots;
    return Client::attach(options);
}

// Tried again when the daemon did not get a word in edgeways within its second.
inline Client channel(const std::string& socket = "", std::uint32_t features = 3,
                      std::uint32_t slots = SUITE_SLOTS)
{
    auto client = try_channel(socket, features, slots);
    for (int i = 1; i < SUITE_ATTACHES; i++) {
        if (client || client.error().code() != Error::attach_deadline) break;
        client = try_channel(socket, features, slots);
    }
    require(client.has_value(), std::string("attach: ") + client.error().what());
    return *std::move(client);
}

inline std::uint16_t id_of(const Client& client, const char* name)
{
    return must(client.model(name), name).id;
}

// Of the SHA-256 that the model table has for a name.
inline std::uint64_t fingerprint_of(const Client& client, const char* name)
{
    return suite_fingerprint(must(client.model(name), name).sha256);
}

// Takes the next answer, which must come.
inline factord::Answer next_answer(Client& client)
{
    for (const Watch watch; !watch.over(PLENTY);) {
        const auto got = client.poll();
        // After not_connected it is coming back; requests under way are kept.
        if (!got) fails(got, Error::not_connected, "poll");
        if (got && *got) return **got;
        if (!got) suite_sleep_ms(1);
    }
    throw Fault{"no answer within 10 s"};
}

// So many requests, rows of two models by turns, with as many under way as there are slots.
void in_order(Client& client, const char* const (&names)[2], std::size_t width, std::size_t count);

inline void nothing_left(Client& client)
{
    require(!must(client.poll(), "poll").has_value(), "an answer where nothing is left");
}

// The cases, in order.
void attach();
void wrong_abi();
void golden_regression();
void golden_classification();
void bad_input();
void unknown_model();
void width_mismatch();
void back_pressure();
void pipelined_order();
void deadline();
void engine_killed();
void batch_golden();
void batch_across_kill();
void model_swapped();
void local_equals_ring();
void wide();
void refused_peer();
void golden_image();
void half_made_region();
void hostile_regions();
void hostile_answers();
void identity();
void forked();
void untrusted();
void backlog_full();
void reaped();
void attach_wait();
void pinned();
void unit_keys();
void second_channel();

// The other calls of a runner.
int ping();
int late();
int csv(const char* input, const char* output);
int units(const char* count, const char* output);

#endif
