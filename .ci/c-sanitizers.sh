# The C and C++ clients under the sanitizers: their tests, those of the factors' library, and false daemons and
# hostile regions.
source "$(dirname "$0")/lib.sh"
need gcc gcc
need g++ g++
need make make
need clang clang
if ! echo 'int main(void){}' | clang -fsanitize=thread -x c - -o /dev/null 2>/dev/null; then
  # Debian keeps clang's sanitizers in a package of their own.
  need no-such-command "libclang-rt-$(clang -dumpversion | cut -d . -f 1)-dev"
fi

FACTORD_BIN=$(binary)
export FACTORD_BIN
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
build() { make --silent --no-print-directory -C clients/c "$@"; }
build_cpp() { make --silent --no-print-directory -C clients/cpp "$@"; }

echo "==> address, undefined-behaviour and thread sanitizers"
build CC=gcc OUT="$out/asan" CFLAGS="-O1 -g -fsanitize=address,undefined \
  -fno-sanitize-recover=all" tests
"$out/asan/test"
build_cpp CXX=g++ CC=gcc OUT="$out/asan++" CFLAGS="-O1 -g -fsanitize=address,undefined" \
  CXXFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" tests
"$out/asan++/test"
make --silent --no-print-directory -C clients/factors-c CC=gcc OUT="$out/asan/factors" \
  CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" tests
"$out/asan/factors/test" clients/factors-c/tests/factors.golden
build CC=clang OUT="$out/tsan" CFLAGS="-O1 -g -fsanitize=thread" tests
TSAN_OPTIONS=halt_on_error=1 "$out/tsan/test"

echo "==> false daemons and hostile regions, under the sanitizers"
made=${CARGO_TARGET_DIR:-$PWD/target}/clients
rm -rf "$made/c" "$made/cpp"
CC=gcc CXX=g++ CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" \
  CXXFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" \
  clients/conformance/run c cpp
rm -rf "$made/c" "$made/cpp"
