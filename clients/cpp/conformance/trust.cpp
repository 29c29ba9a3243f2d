// Cases about forked children, and about who may be believed.
#include "runner.hpp"

#include <sys/wait.h>
#include <unistd.h>

// The stranger who owns places and listens at sockets.
constexpr std::uint32_t STRANGER = 65534;

// The forked child's part: its own channel in the place of its parent's.
static bool child_is_served(Client& client, const Rows& rows)
{
    try {
        client = channel();
        const auto model = id_of(client, "regression");
        for (std::size_t i = 0; i < rows.size(); i++) {
            rows.exact(i, client.predict(model, rows.x(i), PLENTY));
        }
        return true;
    } catch (const Fault& fault) {
        std::fprintf(stderr, "forked: %s\n", fault.why.c_str());
        return false;
    }
}

void forked()
{
    Client client = channel();
    const Rows rows("regression");
    const auto model = id_of(client, "regression");
    rows.exact(0, client.predict(model, rows.x(0), PLENTY));
    const pid_t child = fork();
    require(child >= 0, "no child");
    if (child == 0) _exit(!child_is_served(client, rows));
    int status = -1;
    require(waitpid(child, &status, 0) == child, "the child is not there");
    require(WIFEXITED(status), "the child died of a signal");
    require(WEXITSTATUS(status) == 0, "the child was not served");
    rows.exact(1, client.predict(model, rows.x(1), PLENTY));
}

void untrusted()
{
    for (const std::string place : {"mode", "link", "owner", "peer"}) {
        const auto socket = conduct("untrusted " + place);
        if (socket == "-") continue;
        const auto client = try_channel(socket);
        require(!client && client.error().code() == Error::untrusted, place + ": not untrusted");
        const std::string why = client.error().what();
        for (const auto& word : {socket, std::string("FACTORD_DAEMON_UID")}) {
            require(why.find(word) != std::string::npos, place + ": " + why);
        }
        if (place != "owner" && place != "peer") continue;
        auto options = usual_options();
        options.socket = socket.c_str();
        options.daemon_uid = STRANGER;
        auto told = Client::attach(options);
        require(told.has_value(), place + ": " + told.error().what());
        const Rows rows("image");
        rows.exact(0, told->predict(0, rows.x(0), PLENTY));
    }
}
