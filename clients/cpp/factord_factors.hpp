// The factors of factord in C++: trades in, windows of buy and sell rates out. C++17, header-only,
// over the C library of clients/factors-c, whose header has the contract of every call and the
// settings.
//
//     auto factors = factord::Factors::make("window = 60s\nper = trade");
//     if (!factors) { std::puts(factors.error().what()); return 1; }
//     const auto closed = factors->push(factord::trade(ts_ns, 10.0, 300.0, factord::Side::buy));
//     if (!closed) { std::puts(factord::message(closed.error())); return 1; }
//     while (const auto row = factors->take()) predict(factord::features(*row));
//
// Factors own their windows, are moved and never copied, and belong to one thread at a time. No
// call throws but settings, which returns a string. Factors that were moved from, or made by
// default, have no windows: their calls say `null`.
#ifndef FACTORD_FACTORS_HPP
#define FACTORD_FACTORS_HPP

#include <factord.hpp>
#include <factord_factors.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace factord {

/// What can go wrong; the numbers are those of `factord_factors_error`.
enum class FactorsError : int {
    ok = FACTORD_FACTORS_OK,
    null = FACTORD_FACTORS_ERROR_NULL,
    layout = FACTORD_FACTORS_ERROR_LAYOUT,
    settings = FACTORD_FACTORS_ERROR_SETTINGS,
    mismatch = FACTORD_FACTORS_ERROR_MISMATCH,
    side = FACTORD_FACTORS_ERROR_SIDE,
    not_taken = FACTORD_FACTORS_ERROR_NOT_TAKEN,
    internal = FACTORD_FACTORS_ERROR_INTERNAL,
};

/// What an error means, in lower case.
inline const char* message(FactorsError error) noexcept
{
    return factord_factors_strerror(static_cast<int>(error));
}

/// Why settings were refused: a code, and the sentence that names the setting.
class SettingsError {
public:
    FactorsError code() const noexcept { return code_; }
    const char* what() const noexcept { return text_.data(); }

private:
    friend class Factors;
    FactorsError code_ = FactorsError::ok;
    std::array<char, FACTORD_FACTORS_WHY_LEN> text_{};
};

/// Who started a trade, according to the feed.
enum class Side : std::int64_t {
    unknown = FACTORD_FACTORS_UNKNOWN,
    buy = FACTORD_FACTORS_BUY,
    sell = FACTORD_FACTORS_SELL,
    auction = FACTORD_FACTORS_AUCTION,
};

/// One trade: ts_ns, price, qty, side, buy_id, sell_id, bid, ask; what a feed does not say is 0.
using Trade = factord_factors_trade;

/// A trade without order numbers and quotes.
inline Trade trade(std::int64_t ts_ns, double price, double qty, Side side) noexcept
{
    Trade made{};
    made.ts_ns = ts_ns;
    made.price = price;
    made.qty = qty;
    made.side = static_cast<std::int64_t>(side);
    return made;
}

/// One window: its times, trades, volume, turnover, rates and how the aggressors were found.
using FactorRow = factord_factors_row;

/// What the models take of a window: buy rate, large buy rate, large sell rate.
inline std::array<double, 3> features(const FactorRow& row) noexcept
{
    return {row.buy_rate, row.large_buy, row.large_sell};
}

/// What was seen, left out and given so far.
using FactorCounts = factord_factors_counts;

/// The windows of one symbol.
class Factors {
public:
    Factors() noexcept = default;
    Factors(const Factors&) = delete;
    Factors& operator=(const Factors&) = delete;
    Factors(Factors&& other) noexcept : factors_(std::exchange(other.factors_, nullptr)) {}

    Factors& operator=(Factors&& other) noexcept
    {
        if (this != &other) {
            factord_factors_free(factors_);
            factors_ = std::exchange(other.factors_, nullptr);
        }
        return *this;
    }

    ~Factors() { factord_factors_free(factors_); }

    /// Makes factors that have seen no trade, with the settings of a text: a line `name = value`
    /// for each that is not the usual one.
    static Result<Factors, SettingsError> make(const char* settings = "") noexcept
    {
        Factors factors;
        SettingsError error;
        error.code_ = static_cast<FactorsError>(
            factord_factors_new(&factors.factors_, FACTORD_FACTORS_LAYOUT, settings,
                                error.text_.data(), error.text_.size()));
        if (error.code_ != FactorsError::ok) return error;
        return factors;
    }

    /// Takes one trade: how many closed windows wait to be taken, 0 for most trades. One that is
    /// too late, or whose numbers cannot be, is left out and counted.
    Result<std::size_t, FactorsError> push(const Trade& trade) noexcept
    {
        return counted(factord_factors_push(factors_, &trade));
    }

    /// Says that it is `now_ns`: closes the windows by time that ended before; how many wait.
    Result<std::size_t, FactorsError> advance(std::int64_t now_ns) noexcept
    {
        return counted(factord_factors_advance(factors_, now_ns));
    }

    /// Says that the trades have ended: closes the open window by time; how many wait.
    Result<std::size_t, FactorsError> finish() noexcept
    {
        return counted(factord_factors_finish(factors_));
    }

    /// Takes the oldest of the windows that wait; nothing when none does.
    std::optional<FactorRow> take() noexcept
    {
        FactorRow row;
        if (factord_factors_take(factors_, &row, 1) != 1) return std::nullopt;
        return row;
    }

    /// The window as it stands; before the first trade one without trades and rates.
    Result<FactorRow, FactorsError> now() const noexcept
    {
        FactorRow row;
        const int error = factord_factors_now(factors_, &row);
        if (error != FACTORD_FACTORS_OK) return static_cast<FactorsError>(error);
        return row;
    }

    /// What was counted so far.
    Result<FactorCounts, FactorsError> counts() const noexcept
    {
        FactorCounts counts;
        const int error = factord_factors_count(factors_, &counts);
        if (error != FACTORD_FACTORS_OK) return static_cast<FactorsError>(error);
        return counts;
    }

    /// Compares the settings with those that a model states, a line `name = value` each; the error
    /// names the first that differs. What the model does not state is no mismatch.
    Result<void, SettingsError> check(const char* model_settings) const noexcept
    {
        SettingsError error;
        error.code_ = static_cast<FactorsError>(factord_factors_check(
            factors_, model_settings, error.text_.data(), error.text_.size()));
        if (error.code_ != FactorsError::ok) return error;
        return {};
    }

    /// The settings that decide what a row means, a line `name = value` each; "" without windows.
    /// Throws std::bad_alloc when there is no memory.
    std::string settings() const
    {
        const int len = factord_factors_settings(factors_, nullptr, 0);
        if (len <= 0) return {};
        std::string text(static_cast<std::size_t>(len) + 1, '\0');
        factord_factors_settings(factors_, text.data(), text.size());
        text.pop_back();
        return text;
    }

private:
    static Result<std::size_t, FactorsError> counted(int waiting) noexcept
    {
        if (waiting < 0) return static_cast<FactorsError>(waiting);
        return static_cast<std::size_t>(waiting);
    }

    factord_factors* factors_ = nullptr;
};

} // namespace factord

#endif
