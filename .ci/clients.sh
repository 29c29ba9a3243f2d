# The clients' conformance suite, in every language, against one daemon.
source "$(dirname "$0")/lib.sh"
need make make
need gcc gcc
need g++ g++
# Debian and Ubuntu name the package by their default version; some images have 17 alone.
need javac default-jdk-headless || need javac openjdk-17-jdk-headless
# Without it, venv is there and cannot make an environment.
python3 -c 'import ensurepip' 2>/dev/null || need no-such-command python3-venv
clients/conformance/run "$@"
