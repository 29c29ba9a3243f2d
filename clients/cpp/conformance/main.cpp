// The conformance runner of the C++ client.
#include "runner.hpp"

static const std::pair<std::string, void (*)()> CASES[] = {
    {"attach", attach},
    {"wrong-abi", wrong_abi},
    {"golden-regression", golden_regression},
    {"golden-classification", golden_classification},
    {"bad-input", bad_input},
    {"unknown-model", unknown_model},
    {"width-mismatch", width_mismatch},
    {"back-pressure", back_pressure},
    {"pipelined-order", pipelined_order},
    {"deadline", deadline},
    {"engine-killed", engine_killed},
    {"batch-golden", batch_golden},
    {"batch-across-kill", batch_across_kill},
    {"model-swapped", model_swapped},
    {"local-equals-ring", local_equals_ring},
    {"wide", wide},
    {"refused-peer", refused_peer},
    {"golden-image", golden_image},
    {"half-made-region", half_made_region},
    {"hostile-regions", hostile_regions},
    {"hostile-answers", hostile_answers},
    {"identity", identity},
    {"forked", forked},
    {"untrusted", untrusted},
    {"backlog-full", backlog_full},
    {"reaped", reaped},
    {"attach-wait", attach_wait},
    {"pinned", pinned},
    {"unit-keys", unit_keys},
    {"second-channel", second_channel},
};

static int run_cases(const std::vector<std::string>& names)
{
    int passed = 0;
    int failed = 0;
    for (const auto& name : names) {
        const auto known = [&](const auto& entry) { return entry.first == name; };
        if (std::none_of(std::begin(CASES), std::end(CASES), known)) {
            std::fprintf(stderr, "no case %s\n", name.c_str());
            return 1;
        }
    }
    for (std::size_t index = 0; index < std::size(CASES); index++) {
        const auto& [name, run] = CASES[index];
        if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
        std::string said = "ok";
        try {
            conduct("reset");
            run();
            passed++;
        } catch (const Fault& fault) {
            said = "FAILED: " + fault.why;
            failed++;
        }
        std::printf("%02zu %s ... %s\n", index + 1, name.c_str(), said.c_str());
        std::fflush(stdout);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

int main(int count, char** words)
{
    const std::vector<std::string> names(words + 1, words + count);
    try {
        if (count == 2 && names[0] == "ping") return ping();
        if (count == 2 && names[0] == "late") return late();
        if (count == 4 && names[0] == "csv") return csv(words[2], words[3]);
        if (count == 4 && names[0] == "units") return units(words[2], words[3]);
        return run_cases(names);
    } catch (const Fault& fault) {
        std::fprintf(stderr, "%s\n", fault.why.c_str());
        return 1;
    }
}
