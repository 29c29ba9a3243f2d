# The scripts themselves.
source "$(dirname "$0")/lib.sh"
need shellcheck shellcheck
shellcheck --severity=warning --exclude=SC1091,SC2148 .ci/run .ci/long .ci/*.sh
echo "shellcheck: $(find .ci -type f | wc -l) scripts"
