// Cases about coming to a channel, or not.
#include "runner.hpp"

// Fails unless attaching ends with this very error, whose message names all these words.
static void refused(const std::string& socket, Error expected,
                    const std::vector<std::string>& words = {})
{
    const auto client = try_channel(socket);
    require(!client.has_value(), "attached");
    const std::string why = client.error().what();
    require(client.error().code() == expected, "another error: " + why);
    require(!why.empty(), "no word about why");
    for (const auto& word : words) {
        require(why.find(word) != std::string::npos, "the message does not name " + word + ": " + why);
    }
}

void attach()
{
    using factord::Kind;
    const struct {
        const char* name;
        Kind kind;
        std::uint32_t width;
    } models[] = {
        {"regression", Kind::linear, 3}, {"classification", Kind::logistic, 3},
        {"swing", Kind::linear, 3},      {"wide", Kind::linear, 1000},
        {"wide-logistic", Kind::logistic, 1000},
    };
    {
        const Client client = channel();
        for (const auto& [name, kind, width] : models) {
            const auto row = must(client.model(name), name);
            require(Kind(row.kind) == kind && row.width == width, std::string(name) + ": shape");
        }
        require(client.models({nullptr, 0}) == std::size(models), "another number of models");
        require(client.epoch() != 0, "the epoch is 0");
        require(client.feature_count() == 3 && client.slot_count() == SUITE_SLOTS, "shape");
        require(client.output_count() == 2, "not 2 outputs");
    }
    channel();
    const char* socket = std::getenv("FACTORD_SOCKET");
    const std::string nobody = std::string(socket ? socket : "") + ".nobody";
    refused(nobody, Error::unreachable, {nobody});
}

void wrong_abi()
{
    for (const char* name : {"abi-refused", "abi-welcomed"}) {
        refused(impostor(name), Error::abi, {"7.3", "2.0"});
    }
    for (const char* name : {"abi-1-refused", "abi-1-welcomed"}) {
        refused(impostor(name), Error::abi,
                {"daemon speaks ABI 1.0", "this client 2.0", "rebuild the client"});
    }
    refused(impostor("layout"), Error::abi);
}

void refused_peer()
{
    constexpr std::size_t channel_count = 16;
    std::vector<Client> channels;
    // The channels of the cases before may still be on their way out.
    for (const Watch watch; channels.size() < channel_count && !watch.over(PLENTY);) {
        auto client = try_channel();
        if (client) {
            channels.push_back(*std::move(client));
        } else {
            suite_sleep_ms(10);
        }
    }
    require(channels.size() == channel_count, "only " + std::to_string(channels.size()));
    refused("", Error::refused_channel_quota, {"16"});
    channels.pop_back();
    for (const Watch watch; !try_channel();) {
        require(!watch.over(Seconds(5)), "a channel that was closed is not free");
        suite_sleep_ms(10);
    }
    refused(impostor("stranger"), Error::refused_not_allowed, {"4711"});
    const auto silent = impostor("silent");
    const Watch watch;
    refused(silent, Error::attach_deadline);
    watch.took(Seconds(0), Seconds(5));
    refused(impostor("hang-up"), Error::protocol);
    refused(impostor("babble"), Error::protocol);
}

void half_made_region()
{
    for (const char* name : {"half-zero", "half-status", "half-models", "half-resp"}) {
        refused(impostor(name), Error::region);
    }
}

void hostile_regions()
{
    for (const char* name :
         {"unsealed-req", "unsealed-resp", "short-resp", "long-resp", "short-status", "pipe",
          "status-magic", "status-layout", "models-layout", "models-count", "resp-abi", "resp-shape",
          "resp-slots", "resp-outputs", "resp-class", "resp-client"}) {
        refused(impostor(name), Error::region);
    }
    for (const char* name : {"three-descriptors", "four-descriptors"}) {
        refused(impostor(name), Error::protocol);
    }
}
