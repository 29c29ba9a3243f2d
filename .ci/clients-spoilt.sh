# Every case of the clients' conformance suite fails, in every language, where nothing is as it should be.
source "$(dirname "$0")/lib.sh"
bash .ci/clients.sh --spoilt
