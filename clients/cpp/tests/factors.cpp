// The factors in C++: every column of every window of the golden file, bit for bit, owned by one
// object. `factors-test GOLDEN`; ends with `N passed, N failed`.
#include <factord_factors.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

using factord::Factors;
using factord::FactorsError;

static_assert(!std::is_copy_constructible_v<Factors> && !std::is_copy_assignable_v<Factors>);
static_assert(std::is_nothrow_move_constructible_v<Factors>);
static_assert(std::is_nothrow_move_assignable_v<Factors>);
static_assert(std::is_nothrow_destructible_v<Factors>);
static_assert(sizeof(Factors) == sizeof(void*));

static int failures;

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++;                                                           \
        }                                                                         \
    } while (0)

static Factors make(const std::string& settings)
{
    auto made = Factors::make(settings.c_str());
    if (!made) {
        std::fprintf(stderr, "%s\n", made.error().what());
        std::exit(1);
    }
    return std::move(made).value();
}

struct Event {
    bool is_trade;
    factord::Trade trade;
};

struct Case {
    std::string settings;
    /// The lines that it must give: rows, the window as it stands, counts.
    std::vector<std::string> lines;
};

struct Golden {
    std::vector<Event> events;
    std::vector<Case> cases;
};

static factord::Side side_of(const std::string& word)
{
    if (word == "B") return factord::Side::buy;
    if (word == "S") return factord::Side::sell;
    return word == "N" ? factord::Side::auction : factord::Side::unknown;
}

static Event event_of(const std::string& line)
{
    std::istringstream words(line);
    std::string kind, price, qty, side, bid, ask;
    Event event{};
    factord::Trade& trade = event.trade;
    words >> kind >> trade.ts_ns;
    event.is_trade = kind == "trade";
    if (event.is_trade) {
        words >> price >> qty >> side >> trade.buy_id >> trade.sell_id >> bid >> ask;
        // Streams read no NaN.
        auto number = [](const std::string& word) { return std::strtod(word.c_str(), nullptr); };
        trade.side = static_cast<std::int64_t>(side_of(side));
        trade.price = number(price);
        trade.qty = number(qty);
        trade.bid = number(bid);
        trade.ask = number(ask);
    }
    if (!words) {
        std::fprintf(stderr, "no event: %s\n", line.c_str());
        std::exit(1);
    }
    return event;
}

static Golden read(const char* path)
{
    Golden golden;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const std::string kind = line.substr(0, line.find(' '));
        if (kind == "#") continue;
        if (kind == "trade" || kind == "advance") {
            golden.events.push_back(event_of(line));
        } else if (kind == "case") {
            golden.cases.emplace_back();
        } else if (kind == "set") {
            golden.cases.back().settings += line.substr(4) + "\n";
        } else {
            golden.cases.back().lines.push_back(line);
        }
    }
    return golden;
}

static std::string line_of(const std::string& head, const factord::FactorRow& row)
{
    std::ostringstream line;
    line << head << ' ' << row.start_ns << ' ' << row.end_ns << ' ' << row.trades;
    for (double share : {row.volume, row.turnover, row.buy_rate, row.sell_rate, row.large_buy,
                         row.large_sell, row.unclassified, row.auction}) {
        std::uint64_t bits;
        std::memcpy(&bits, &share, sizeof bits);
        if (std::isnan(share)) bits = UINT64_C(0x7ff8000000000000);
        char text[20];
        std::snprintf(text, sizeof text, " %016llx", static_cast<unsigned long long>(bits));
        line << text;
    }
    line << ' ' << row.by_flag << ' ' << row.by_orders << ' ' << row.by_quote << ' '
         << row.by_tick;
    return line.str();
}

static std::string line_of(const factord::FactorCounts& counts)
{
    std::vector<std::uint64_t> words(sizeof counts / sizeof(std::uint64_t));
    std::memcpy(words.data(), &counts, sizeof counts);
    std::ostringstream line;
    line << "counts";
    for (std::uint64_t word : words) line << ' ' << word;
    return line.str();
}

static std::vector<std::string> lines_of(Factors& factors, const std::vector<Event>& events)
{
    std::vector<std::string> lines;
    auto take = [&](const factord::Result<std::size_t, FactorsError>& waiting, std::string head) {
        CHECK(waiting);
        std::size_t taken = 0;
        for (; const auto row = factors.take(); taken++) {
            CHECK(row->closed == 1);
            lines.push_back(line_of(head, *row));
        }
        CHECK(taken == *waiting);
    };
    for (std::size_t i = 0; i < events.size(); i++) {
        const Event& event = events[i];
        take(event.is_trade ? factors.push(event.trade) : factors.advance(event.trade.ts_ns),
             "row " + std::to_string(i + 1));
    }
    const auto now = factors.now();
    CHECK(now && now->closed == 0);
    lines.push_back(line_of("now", *now));
    take(factors.finish(), "row finish");
    const auto counts = factors.counts();
    CHECK(counts);
    lines.push_back(line_of(*counts));
    return lines;
}

static void every_column_of_every_window_has_the_bits_of_the_crate(const Golden& golden)
{
    std::size_t lines = 0;
    for (const Case& one : golden.cases) {
        Factors factors = make(one.settings);
        const auto found = lines_of(factors, golden.events);
        CHECK(found == one.lines);
        lines += found.size();
    }
    std::printf("%zu trades and ticks, %zu cases, %zu lines\n", golden.events.size(),
                golden.cases.size(), lines);
    CHECK(golden.events.size() > 500 && golden.cases.size() >= 10 && lines >= 150);
}

static void factors_are_moved_and_what_is_left_has_no_windows(const Golden&)
{
    Factors first = make("window = 1trades\nper = trade");
    CHECK(*first.push(factord::trade(7, 10.0, 300.0, factord::Side::buy)) == 1);
    Factors second = std::move(first);
    CHECK(first.push({}).error() == FactorsError::null && !first.take());
    CHECK(first.now().error() == FactorsError::null && first.settings().empty());
    const auto row = second.take();
    CHECK(row && row->start_ns == 7 && factord::features(*row)[0] == 1.0);
    CHECK(!second.take());
    second = make("window = 2trades");
    CHECK(*second.push(factord::trade(7, 10.0, 300.0, factord::Side::sell)) == 0);
    factord::Trade odd = factord::trade(8, 10.0, 300.0, static_cast<factord::Side>(9));
    CHECK(second.push(odd).error() == FactorsError::side);
    CHECK(std::strcmp(factord::message(FactorsError::side), "the side is none of the four") == 0);
}

static void settings_are_refused_and_compared_by_name(const Golden&)
{
    const auto refused = Factors::make("windows = 60s");
    CHECK(!refused && refused.error().code() == FactorsError::settings);
    CHECK(std::strstr(refused.error().what(), "there is no setting \"windows\""));
    const Factors factors = make("window = 5m\nper = trade");
    CHECK(factors.check("") && factors.check("window = 300s\nnot_known_yet = 7"));
    CHECK(factors.check(factors.settings().c_str()));
    const auto differs = factors.check("window = 60s");
    CHECK(!differs && differs.error().code() == FactorsError::mismatch);
    CHECK(std::strstr(differs.error().what(), "trained on 60s, these factors have 300s"));
}

#define TEST(name) {#name, name}

int main(int count, char** arguments)
{
    if (count != 2) return 1;
    const Golden golden = read(arguments[1]);
    const struct {
        const char* name;
        void (*run)(const Golden&);
    } tests[] = {
        TEST(every_column_of_every_window_has_the_bits_of_the_crate),
        TEST(factors_are_moved_and_what_is_left_has_no_windows),
        TEST(settings_are_refused_and_compared_by_name),
    };
    int failed = 0;
    int all = 0;
    for (const auto& test : tests) {
        const int before = failures;
        test.run(golden);
        all++;
        failed += failures != before;
        std::printf("%s ... %s\n", test.name, failures == before ? "ok" : "FAILED");
    }
    std::printf("%d passed, %d failed\n", all - failed, failed);
    return failed != 0;
}
