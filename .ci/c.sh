# The C and C++ clients, and the factors as a C library: fresh constants, gcc and clang, and a newcomer's
# installation. What the sanitizers say is c-sanitizers.sh's.
source "$(dirname "$0")/lib.sh"
need gcc gcc
need g++ g++
need make make
need clang clang
need pkg-config pkg-config
need cmake cmake

cargo test --release --locked --test c_header
FACTORD_BIN=$(binary)
export FACTORD_BIN

out=$(mktemp -d)
daemon=
trap 'kill "$daemon" 2>/dev/null || true; wait; rm -rf "$out"' EXIT

build() { make --silent --no-print-directory -C clients/c "$@"; }
build_cpp() { make --silent --no-print-directory -C clients/cpp "$@"; }
build_factors() { make --silent --no-print-directory -C clients/factors-c "$@"; }
golden=$PWD/clients/factors-c/tests/factors.golden

echo "==> gcc and clang"
for compiler in gcc clang; do
  build CC=$compiler OUT="$out/$compiler" all examples tests
  "$out/$compiler/test"
  build_factors CC=$compiler OUT="$out/$compiler/factors" all examples tests
  "$out/$compiler/factors/test" "$golden"
done
for compiler in g++ clang++; do
  build_cpp CXX=$compiler OUT="$out/$compiler" examples tests factors
  "$out/$compiler/test"
  "$out/$compiler/factors-test" "$golden"
done

echo "==> a processor's own instructions change no bit"
build CC=gcc OUT="$out/native" CFLAGS="-O3 -march=native -flto" tests
"$out/native/test" local_predictions_have_the_bits_of_the_ring \
  local_predictions_do_not_depend_on_what_the_host_has_set
if build CC=gcc OUT="$out/fast" CFLAGS="-Ofast" all 2>"$out/fast.err"; then
  echo "-ffast-math was let through"
  exit 1
fi
grep -q 'ffast-math changes the bits' "$out/fast.err"

echo "==> what is exported, and what is needed"
strangers=$(nm -D --defined-only "$out/gcc/libfactord.so" | awk '{ print $3 }' | grep -v '^factord_' || true)
[ -z "$strangers" ] || { echo "exported: $strangers"; exit 1; }
readelf -d "$out/gcc/libfactord.so" | grep -q 'SONAME.*\[libfactord.so.2\]'
needed=$(readelf -d "$out/gcc/libfactord.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
[ "$needed" = libc.so.6 ] || { echo "needs more than libc: $needed"; exit 1; }
library=$out/gcc/factors/libfactord_factors.so
strangers=$(nm -D --defined-only "$library" | awk '{ print $3 }' | grep -v '^factord_factors_' || true)
[ -z "$strangers" ] || { echo "exported: $strangers"; exit 1; }
readelf -d "$library" | grep -q 'SONAME.*\[libfactord_factors.so.1\]'
needed=$(readelf -d "$library" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
strangers=$(grep -vE '^(libc|libm|libgcc_s|libpthread|libdl|ld-linux.*)\.so' <<<"$needed" || true)
[ -z "$strangers" ] || { echo "needs more than libc: $strangers"; exit 1; }

echo "==> one version: header, Makefile, CMake, program"
version=$("$FACTORD_BIN" --version | awk '{ print $2 }')
grep -qx "#define FACTORD_VERSION \"$version\"" clients/c/factord.h
grep -qx "VERSION = $version" clients/c/Makefile
grep -qx "VERSION = $version" clients/factors-c/Makefile
grep -q "^project(factord VERSION $version " clients/cpp/CMakeLists.txt

echo "==> a newcomer: make install, pkg-config"
FACTORD_SOCKET=$out/control.sock
export FACTORD_SOCKET
mkfifo "$out/ready"
LOG_LEVEL=ERROR "$FACTORD_BIN" serve --no-http --idle backoff >"$out/ready" &
daemon=$!
timeout 60 sed '/Ctrl-C/q' "$out/ready"

stage=$out/stage
build OUT="$out/install" install DESTDIR="$stage" PREFIX=/opt/factord
export PKG_CONFIG_PATH=$stage/opt/factord/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stage
[ "$(pkg-config --modversion factord)" = 0.1.0 ]
mkdir "$out/newcomer" "$out/newcomer/c" "$out/newcomer/cpp"
cp clients/c/examples/*.c "$out/newcomer/c"
cp clients/cpp/examples/*.cpp "$out/newcomer/cpp"
pushd "$out/newcomer" >/dev/null || exit
for example in basic ping batch; do
  # shellcheck disable=SC2046
  gcc -Wall -Wextra -Werror "c/$example.c" $(pkg-config --cflags --libs factord) -o "$example"
  LD_LIBRARY_PATH=$stage/opt/factord/lib timeout 60 "./$example" | tee "$example.out"
  "$out/clang/$example" >/dev/null
done
popd >/dev/null || exit

echo "==> a newcomer: make install of C++, linked against the library and statically"
cpp_stage=$out/cpp-stage
build_cpp OUT="$out/cpp-install" install DESTDIR="$cpp_stage" PREFIX=/opt/factord
pushd "$out/newcomer" >/dev/null || exit
export PKG_CONFIG_PATH=$cpp_stage/opt/factord/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$cpp_stage
# shellcheck disable=SC2046
g++ -std=c++17 cpp/basic.cpp $(pkg-config --cflags --libs factord) -o cpp-basic
LD_LIBRARY_PATH=$cpp_stage/opt/factord/lib timeout 60 ./cpp-basic | grep -qx '0.50005385585038598 by generation 1'
archive=$(pkg-config --variable=libdir factord)/libfactord.a
case $archive in "$cpp_stage"/*) ;; *) archive=$cpp_stage$archive ;; esac
for how in "" -static; do
  # shellcheck disable=SC2046,SC2086
  gcc c/basic.c $how $(pkg-config --cflags factord) "$archive" -o basic-static
  # shellcheck disable=SC2046,SC2086
  g++ -std=c++17 cpp/basic.cpp $how $(pkg-config --cflags factord) "$archive" -o cpp-static
  timeout 60 ./basic-static | grep -qx '0.50005385585038598 by generation 1'
  timeout 60 ./cpp-static | grep -qx '0.50005385585038598 by generation 1'
  ldd basic-static | grep -q libfactord && { echo "libfactord was not linked statically"; exit 1; }
done
popd >/dev/null || exit

echo "==> a newcomer: the factors, by pkg-config and statically, in C and in C++"
cp clients/factors-c/examples/factors.c "$out/newcomer/c"
pushd "$out/newcomer" >/dev/null || exit
[ "$(pkg-config --modversion factord_factors)" = "$version" ]
archive=$(dirname "$archive")/libfactord_factors.a
for how in "" -static; do
  # shellcheck disable=SC2046,SC2086
  gcc c/factors.c $how $(pkg-config --cflags factord_factors) "$archive" -lpthread -ldl -lm -o factors-static
  # shellcheck disable=SC2046,SC2086
  g++ -std=c++17 cpp/factors.cpp $how $(pkg-config --cflags factord_factors) "$archive" -lpthread -ldl -lm \
    -o factors-cpp-static
  timeout 60 ./factors-static | tee -a factors.out
  timeout 60 ./factors-cpp-static >>factors.out
done 2> >(grep -v 'statically linked applications\|in function' >&2)
# shellcheck disable=SC2046
gcc -Wall -Wextra -Werror c/factors.c $(pkg-config --cflags --libs factord_factors) -o factors
# shellcheck disable=SC2046
g++ -std=c++17 -Wall -Wextra -Werror cpp/factors.cpp $(pkg-config --cflags --libs factord_factors) -o factors-cpp
for program in factors factors-cpp; do
  LD_LIBRARY_PATH=$cpp_stage/opt/factord/lib timeout 60 "./$program" >>factors.out
done
[ "$(wc -l <factors.out)" = 6 ]
[ "$(uniq factors.out | wc -l)" = 1 ]
grep -q '^100000 trades, 83 windows; buy rate 0.4978053293284504, ' factors.out
popd >/dev/null || exit
build FACTORS=no OUT="$out/bare" install DESTDIR="$out/bare-stage" PREFIX=/opt/factord
[ -z "$(find "$out/bare-stage" -name '*factors*')" ]

# said FILE: what the three examples of one language print.
said() {
  grep -qx '0.50005385585038598 by generation 1' "$1basic.out"
  grep -q '^round trip: p50 ' "$1ping.out"
  grep -qx '10000 rows: mean sell rate 0.500104, 4767 high' "$1batch.out"
}
said "$out/newcomer/"

echo "==> a newcomer: cmake --install, find_package"
cmake -S clients/cpp -B "$out/cmake" -DCMAKE_INSTALL_PREFIX="$out/prefix" >/dev/null
cmake --build "$out/cmake" >/dev/null
cmake --install "$out/cmake" >/dev/null
cp -r clients/cpp/tests/consumer "$out/consumer"
cmake -S "$out/consumer" -B "$out/consumer/build" -DCMAKE_PREFIX_PATH="$out/prefix" \
  -DEXAMPLES="$out/newcomer" >/dev/null
cmake --build "$out/consumer/build" >/dev/null
mkdir "$out/said"
for example in basic ping batch; do
  timeout 60 "$out/consumer/build/$example" >"$out/said/cpp-$example.out"
  timeout 60 "$out/consumer/build/${example}_c" >"$out/said/c-$example.out"
  timeout 60 "$out/clang++/$example" >"$out/said/clang-$example.out"
done
said "$out/said/cpp-"
said "$out/said/c-"
said "$out/said/clang-"
echo "examples: the same answers by pkg-config, by CMake, in C and in C++"

echo "==> a newcomer: the factors by cmake --install, find_package"
prefix=$out/factors-prefix
cmake -S clients/factors-c -B "$out/factors-cmake" -DCMAKE_INSTALL_PREFIX="$prefix" >/dev/null
cmake --build "$out/factors-cmake" >/dev/null
cmake --install "$out/factors-cmake" >/dev/null
# A package may be moved.
mv "$prefix" "$prefix-moved"
cp -r clients/factors-c/tests/consumer "$out/factors-consumer"
cmake -S "$out/factors-consumer" -B "$out/factors-consumer/build" -DCMAKE_PREFIX_PATH="$prefix-moved" \
  -DEXAMPLES="$out/newcomer" >/dev/null
cmake --build "$out/factors-consumer/build" >/dev/null
for how in shared static cpp; do
  timeout 60 "$out/factors-consumer/build/$how" | cmp - <(head -n 1 "$out/newcomer/factors.out")
done
grep -qx "Version: $version" "$prefix-moved"/lib*/pkgconfig/factord_factors.pc
grep -q "^project(factord_factors VERSION $version " clients/factors-c/CMakeLists.txt
echo "factors: the same windows by CMake, shared, static and in C++"
