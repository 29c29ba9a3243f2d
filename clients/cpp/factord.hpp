// The C++ client of factord: predictions of small models through shared memory. C++17, header-only,
// over the C client of clients/c, whose header has the contract of every call.
//
//     auto client = factord::Client::attach();
//     if (!client) { std::puts(client.error().what()); return 1; }
//     auto answer = client->predict(0, {0.5, 0.2, 0.3}, std::chrono::milliseconds(10));
//     if (answer) std::printf("%.17g by generation %u\n", answer->y, answer->generation);
//
// A Client owns its channel, is moved and never copied, and belongs to one thread at a time. No
// call throws or allocates but attach, which throws nothing either: a Result holds a value or an
// error. A Client that was moved from, or made by default, has no channel: its calls say
// not_connected. A forked child may destroy its parent's Client or assign one of its own to it.
#ifndef FACTORD_HPP
#define FACTORD_HPP

#include <factord.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <ratio>
#include <type_traits>
#include <utility>

namespace factord {

/// The version of the library, such as "0.1.0"; `FACTORD_VERSION` is that of the header.
inline const char* version() noexcept
{
    return factord_version();
}

/// What can go wrong; the numbers are those of `factord_error`.
enum class Error : int {
    ok = FACTORD_OK,
    bad_input = FACTORD_ERROR_BAD_INPUT,
    unknown_model = FACTORD_ERROR_UNKNOWN_MODEL,
    width_mismatch = FACTORD_ERROR_WIDTH_MISMATCH,
    back_pressure = FACTORD_ERROR_BACK_PRESSURE,
    deadline = FACTORD_ERROR_DEADLINE,
    not_connected = FACTORD_ERROR_NOT_CONNECTED,
    echo_mismatch = FACTORD_ERROR_ECHO_MISMATCH,
    wrong_class = FACTORD_ERROR_WRONG_CLASS,
    other_version = FACTORD_ERROR_OTHER_VERSION,
    not_fetched = FACTORD_ERROR_NOT_FETCHED,
    divided = FACTORD_ERROR_DIVIDED,
    too_many_names = FACTORD_ERROR_TOO_MANY_NAMES,
    unreachable = FACTORD_ERROR_UNREACHABLE,
    abi = FACTORD_ERROR_ABI,
    protocol = FACTORD_ERROR_PROTOCOL,
    region = FACTORD_ERROR_REGION,
    attach_deadline = FACTORD_ERROR_ATTACH_DEADLINE,
    options = FACTORD_ERROR_OPTIONS,
    system = FACTORD_ERROR_SYSTEM,
    untrusted = FACTORD_ERROR_UNTRUSTED,
    refused_greeting = FACTORD_ERROR_REFUSED_GREETING,
    refused_geometry = FACTORD_ERROR_REFUSED_GEOMETRY,
    refused_channel_quota = FACTORD_ERROR_REFUSED_CHANNEL_QUOTA,
    refused_byte_quota = FACTORD_ERROR_REFUSED_BYTE_QUOTA,
    refused_no_memory = FACTORD_ERROR_REFUSED_NO_MEMORY,
    refused_not_allowed = FACTORD_ERROR_REFUSED_NOT_ALLOWED,
    refused_sealed = FACTORD_ERROR_REFUSED_SEALED,
    refused_busy = FACTORD_ERROR_REFUSED_BUSY,
    refused_other = FACTORD_ERROR_REFUSED_OTHER,
    refused_not_permitted = FACTORD_ERROR_REFUSED_NOT_PERMITTED,
    refused_too_many = FACTORD_ERROR_REFUSED_TOO_MANY,
    refused_no_such_class = FACTORD_ERROR_REFUSED_NO_SUCH_CLASS,
    refused_outputs = FACTORD_ERROR_REFUSED_OUTPUTS,
};

/// What an error means, in lower case.
inline const char* message(Error error) noexcept
{
    return factord_strerror(static_cast<int>(error));
}

/// A value, or why there is none. Ask before use: `value`, `*` and `->` of an error give a value
/// that means nothing.
template <class T, class E = Error>
class [[nodiscard]] Result {
public:
    Result(T value) noexcept : value_(std::move(value)), has_value_(true) {}
    Result(E error) noexcept : error_(std::move(error)), has_value_(false) {}

    explicit operator bool() const noexcept { return has_value_; }
    bool has_value() const noexcept { return has_value_; }

    T& value() & noexcept { return value_; }
    const T& value() const& noexcept { return value_; }
    T&& value() && noexcept { return std::move(value_); }
    T& operator*() & noexcept { return value_; }
    const T& operator*() const& noexcept { return value_; }
    T&& operator*() && noexcept { return std::move(value_); }
    T* operator->() noexcept { return &value_; }
    const T* operator->() const noexcept { return &value_; }

    /// Why there is no value; means nothing when there is one.
    const E& error() const noexcept { return error_; }

private:
    T value_{};
    E error_{};
    bool has_value_;
};

/// Success, or why not.
template <class E>
class [[nodiscard]] Result<void, E> {
public:
    Result() noexcept : error_(), has_value_(true) {}
    Result(E error) noexcept : error_(std::move(error)), has_value_(false) {}

    explicit operator bool() const noexcept { return has_value_; }
    bool has_value() const noexcept { return has_value_; }
    const E& error() const noexcept { return error_; }

private:
    E error_;
    bool has_value_;
};

/// One answer: y, second, epoch, t_received, t_done, fingerprint, generation, arm, and the error of its
/// own that an entry of a batch may have.
using Prediction = factord_prediction;

/// The error of an answer, which is `ok` when it has a prediction.
inline Error error_of(const Prediction& answer) noexcept
{
    return static_cast<Error>(answer.error);
}

/// An answer as a value or an error.
inline Result<Prediction> result_of(const Prediction& answer) noexcept
{
    if (answer.error == FACTORD_OK) return answer;
    return error_of(answer);
}

/// An answer taken by `poll`, and the ticket that `submit` gave for it.
struct Answer {
    std::uint64_t ticket = 0;
    Result<Prediction> prediction = Error::deadline;
};

/// What a model computes; a row of the model table may have another number than these, of a newer daemon.
enum class Kind : std::uint32_t { linear = FACTORD_LINEAR, logistic = FACTORD_LOGISTIC };

/// A row of the daemon's model table.
using ModelRow = factord_model_row;

/// The SHA-256 of an artifact.
using Sha256 = std::array<std::uint8_t, 32>;

/// The CPUs that the daemon's workers are pinned to, in their order; -1 for one that is not.
class WorkerCores {
public:
    const int* begin() const noexcept { return cores_.data(); }
    const int* end() const noexcept { return cores_.data() + size_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

private:
    friend class Client;
    std::array<int, FACTORD_WORKER_COUNT_MAX> cores_{};
    std::size_t size_ = 0;
};

/// What a waiting call does between two looks at shared memory.
enum class Idle : int {
    spin = FACTORD_IDLE_SPIN,
    noop = FACTORD_IDLE_NOOP,
    yield = FACTORD_IDLE_YIELD,
    backoff = FACTORD_IDLE_BACKOFF,
};

/// A time from the call on, of any duration of <chrono>: a negative one is over at once, and one above
/// 584 years is that long.
class Deadline {
public:
    template <class Rep, class Period>
    constexpr Deadline(std::chrono::duration<Rep, Period> duration) noexcept : ns_(of(duration))
    {
    }

    constexpr std::uint64_t ns() const noexcept { return ns_; }

private:
    template <class Rep, class Period>
    static constexpr std::uint64_t of(std::chrono::duration<Rep, Period> duration) noexcept
    {
        constexpr auto most = std::numeric_limits<std::uint64_t>::max();
        using Ratio = std::ratio_divide<Period, std::nano>;
        if constexpr (std::is_integral_v<Rep> && Ratio::den == 1) {
            if (duration.count() <= 0) return 0;
            const auto count = static_cast<std::uint64_t>(duration.count());
            return count > most / Ratio::num ? most : count * Ratio::num;
        } else {
            using Ns = std::chrono::duration<long double, std::nano>;
            const long double ns = Ns(duration).count();
            if (!(ns > 0)) return 0;
            return ns >= static_cast<long double>(most) ? most : static_cast<std::uint64_t>(ns);
        }
    }

    std::uint64_t ns_;
};

/// How to attach; see `factord_options`.
struct Options {
    const char* socket = nullptr;
    const char* name = "client";
    std::uint32_t feature_count = 3;
    std::uint32_t slot_count = 8;
    std::uint32_t output_count = 2;
    Idle idle = Idle::spin;
    bool heavy = false;
    bool quiet = false;
    std::uint32_t daemon_uid = 0;
    Deadline wait = std::chrono::nanoseconds(0);
};

/// Values in a row somewhere: a view that owns nothing. Made of an initializer list it must not
/// outlive the call it is made for.
template <class T>
class View {
public:
    constexpr View(T* data, std::size_t size) noexcept : data_(data), size_(size) {}

    /// Of an array, a vector, or whatever has `data` and `size`.
    template <class C, class = decltype(static_cast<T*>(std::declval<C&>().data()))>
    constexpr View(C&& container) noexcept : data_(container.data()), size_(container.size())
    {
    }

    template <std::size_t N>
    constexpr View(T (&array)[N]) noexcept : data_(array), size_(N)
    {
    }

    template <class U = T, class = std::enable_if_t<std::is_const_v<U>>>
    constexpr View(std::initializer_list<std::remove_const_t<T>> list) noexcept
        : data_(nullptr), size_(list.size())
    {
        data_ = list.begin();
    }

    constexpr T* data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }

private:
    T* data_;
    std::size_t size_;
};

/// Features.
using Row = View<const double>;

/// Why an attach failed: a code, and the whole sentence with what to do next.
class AttachError {
public:
    Error code() const noexcept { return code_; }
    const char* what() const noexcept { return text_.data(); }

private:
    friend class Client;
    friend class Subscriber;
    Error code_ = Error::ok;
    std::array<char, FACTORD_WHY_LEN> text_{};
};

/// A channel to the daemon; closed when destroyed.
class Client {
public:
    Client() noexcept = default;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    Client(Client&& other) noexcept : client_(std::exchange(other.client_, nullptr)) {}

    Client& operator=(Client&& other) noexcept
    {
        if (this != &other) {
            factord_close(client_);
            client_ = std::exchange(other.client_, nullptr);
        }
        return *this;
    }

    ~Client() { factord_close(client_); }

    /// Attaches to the daemon.
    static Result<Client, AttachError> attach(const Options& options = {}) noexcept
    {
        const factord_options plain{options.socket, options.name, options.feature_count,
                                    options.slot_count, options.output_count,
                                    static_cast<int>(options.idle), options.heavy, options.quiet,
                                    options.daemon_uid, options.wait.ns()};
        Client client;
        AttachError error;
        error.code_ = static_cast<Error>(factord_attach(
            &client.client_, &plain, error.text_.data(), error.text_.size()));
        if (error.code_ != Error::ok) return error;
        return client;
    }

    /// Predicts one row and waits for the answer, at most for `deadline`. All requests of one `key`, a
    /// word of yours, go to the same arm of a name; 0 is no key.
    Result<Prediction> predict(std::uint16_t model, Row x, Deadline deadline,
                               std::uint64_t key = 0) noexcept
    {
        if (!client_) return Error::not_connected;
        Prediction answer;
        const int error = factord_predict_keyed(client_, model, key, x.data(), x.size(),
                                                deadline.ns(), &answer);
        if (error != FACTORD_OK) return static_cast<Error>(error);
        return answer;
    }

    /// Publishes one request without waiting; its ticket.
    Result<std::uint64_t> submit(std::uint16_t model, Row x, std::uint64_t key = 0) noexcept
    {
        if (!client_) return Error::not_connected;
        std::uint64_t ticket;
        const int error = factord_submit_keyed(client_, model, key, x.data(), x.size(), &ticket);
        if (error != FACTORD_OK) return static_cast<Error>(error);
        return ticket;
    }

    /// Takes the next answer, in the order of submission, without waiting; nothing when it is not
    /// there yet. After not_connected, polling on is right.
    Result<std::optional<Answer>> poll() noexcept
    {
        if (!client_) return Error::not_connected;
        std::uint64_t ticket;
        Prediction answer;
        const int got = factord_poll(client_, &ticket, &answer);
        if (got < 0) return static_cast<Error>(got);
        if (got == 0) return std::optional<Answer>();
        return std::optional<Answer>(Answer{ticket, result_of(answer)});
    }

    /// Takes as many answers as there are, at most as many as there is room for on both sides, in the
    /// order of submission, without waiting; how many. Each has an error of its own.
    Result<std::size_t> poll_many(View<std::uint64_t> tickets, View<Prediction> answers) noexcept
    {
        if (!client_) return Error::not_connected;
        const std::size_t room = tickets.size() < answers.size() ? tickets.size() : answers.size();
        const int got = factord_poll_many(client_, tickets.data(), answers.data(), room);
        if (got < 0) return static_cast<Error>(got);
        return static_cast<std::size_t>(got);
    }

    /// Predicts many rows through a full ring: `rows` is row-major, `answers` receives one entry a
    /// row, in order, each with an error of its own. The deadline is for the whole call, the unit
    /// key for all rows.
    Result<void> predict_batch(std::uint16_t model, Row rows, View<Prediction> answers,
                               Deadline deadline, std::uint64_t key = 0) noexcept
    {
        if (!client_) return Error::not_connected;
        if (rows.size() != answers.size() * feature_count()) return Error::width_mismatch;
        const int error = factord_predict_batch_keyed(client_, model, key, rows.data(),
                                                      answers.size(), deadline.ns(),
                                                      answers.data());
        if (error != FACTORD_OK) return static_cast<Error>(error);
        return {};
    }

    /// Predicts one row by several models, one request each, published together: `answers`, of as
    /// many entries as there are models, receives one a model, in order.
    Result<void> predict_each(View<const std::uint16_t> models, Row x, View<Prediction> answers,
                              Deadline deadline) noexcept
    {
        if (!client_) return Error::not_connected;
        if (models.size() != answers.size()) return Error::width_mismatch;
        const int error = factord_predict_each(client_, models.data(), models.size(), x.data(),
                                               x.size(), deadline.ns(), answers.data());
        if (error != FACTORD_OK) return static_cast<Error>(error);
        return {};
    }

    /// Evaluates the daemon's active model in this process, to the bits of the ring.
    Result<Prediction> predict_local(std::uint16_t model, Row x, std::uint64_t key = 0) noexcept
    {
        if (!client_) return Error::not_connected;
        Prediction answer;
        const int error =
            factord_predict_local_keyed(client_, model, key, x.data(), x.size(), &answer);
        if (error != FACTORD_OK) return static_cast<Error>(error);
        return answer;
    }

    /// Brings all versions of a model into this process; waits at most for `deadline`.
    Result<void> fetch(std::uint16_t model, Deadline deadline) noexcept
    {
        if (!client_) return Error::not_connected;
        const int error = factord_fetch(client_, model, deadline.ns());
        if (error != FACTORD_OK) return static_cast<Error>(error);
        return {};
    }

    /// A number for a name that one artifact alone may answer.
    Result<std::uint16_t> pin(const char* name, const Sha256& sha256) noexcept
    {
        if (!client_) return Error::not_connected;
        std::uint16_t model;
        const int error = factord_pin(client_, name, sha256.data(), &model);
        if (error != FACTORD_OK) return static_cast<Error>(error);
        return model;
    }

    /// Asks for the engine's time stamps with every later request, or no longer.
    void stamp(bool wanted) noexcept
    {
        if (client_) factord_stamp(client_, wanted);
    }

    /// Fills `rows` with the daemon's model table, as it is now, with this client's own numbers; how
    /// many rows it has, which may be more than there is room for.
    std::size_t models(View<ModelRow> rows) const noexcept
    {
        if (!client_) return 0;
        return static_cast<std::size_t>(factord_models(client_, rows.data(), rows.size()));
    }

    /// One model by name.
    Result<ModelRow> model(const char* name) const noexcept
    {
        if (!client_) return Error::not_connected;
        ModelRow row;
        const int error = factord_model(client_, name, &row);
        if (error != FACTORD_OK) return static_cast<Error>(error);
        return row;
    }

    /// Changes with every change of the model table.
    std::uint64_t rows_sequence() const noexcept
    {
        return client_ ? factord_rows_sequence(client_) : 0;
    }

    /// Requests whose answers were not taken yet.
    std::uint32_t in_flight() const noexcept { return client_ ? factord_in_flight(client_) : 0; }

    /// The CPUs of the daemon's workers: a thread that spins on one of them takes turns with it.
    WorkerCores worker_cores() const noexcept
    {
        WorkerCores cores;
        if (client_) {
            const int count = factord_worker_cores(client_, cores.cores_.data());
            cores.size_ = static_cast<std::size_t>(count);
        }
        return cores;
    }

    /// Nanoseconds from one time stamp of an answer, or reading of the time stamp counter, to another;
    /// nothing before the daemon knows the counter's rate.
    std::optional<double> ticks_to_ns(std::uint64_t earlier, std::uint64_t later) const noexcept
    {
        const double ns = client_ ? factord_ticks_to_ns(client_, earlier, later)
                                  : std::numeric_limits<double>::quiet_NaN();
        // NaN alone is not itself.
        return ns == ns ? std::optional<double>(ns) : std::nullopt;
    }

    /// The epoch of the engine that serves this client now.
    std::uint64_t epoch() const noexcept { return client_ ? factord_epoch(client_) : 0; }

    /// Tells whether the engine was there when last looked for.
    bool connected() const noexcept { return client_ && factord_connected(client_); }

    /// Features of every request.
    std::uint32_t feature_count() const noexcept
    {
        return client_ ? factord_feature_count(client_) : 0;
    }

    /// Slots of each ring: the most requests under way.
    std::uint32_t slot_count() const noexcept { return client_ ? factord_slot_count(client_) : 0; }

    /// Outputs that a response has room for.
    std::uint32_t output_count() const noexcept
    {
        return client_ ? factord_output_count(client_) : 0;
    }

    /// The C client, which this one goes on owning.
    factord_client* get() const noexcept { return client_; }

private:
    factord_client* client_ = nullptr;
};

/// One answer that an engine gave, to whomever; its name and features stay until the next call.
using Answered = factord_answered;

/// A reader of every answer of an engine, or of those for one name. It owns its mappings, is moved
/// and never copied, and belongs to one thread at a time.
class Subscriber {
public:
    Subscriber() noexcept = default;
    Subscriber(Subscriber&& other) noexcept
        : subscriber_(std::exchange(other.subscriber_, nullptr))
    {
    }
    Subscriber& operator=(Subscriber&& other) noexcept
    {
        if (this != &other) {
            factord_unsubscribe(subscriber_);
            subscriber_ = std::exchange(other.subscriber_, nullptr);
        }
        return *this;
    }
    ~Subscriber() { factord_unsubscribe(subscriber_); }

    /// Subscribes to the answers for a name, or to all, from the next one on. The daemon has to be
    /// started with --tap.
    static Result<Subscriber, AttachError> subscribe(const char* name = nullptr,
                                                     const char* socket = nullptr) noexcept
    {
        Subscriber made;
        AttachError why;
        const int error = factord_subscribe(&made.subscriber_, name, socket, why.text_.data(),
                                            why.text_.size());
        if (error == FACTORD_OK) return made;
        why.code_ = static_cast<Error>(error);
        return why;
    }

    /// The next answer, if it is there.
    std::optional<Answered> next() noexcept
    {
        Answered answer;
        if (!subscriber_ || !factord_next(subscriber_, &answer)) return std::nullopt;
        return answer;
    }

    /// Answers of all names that were overwritten before they were read.
    std::uint64_t missed() const noexcept { return subscriber_ ? factord_missed(subscriber_) : 0; }

private:
    factord_subscriber* subscriber_ = nullptr;
};

} // namespace factord

#endif
