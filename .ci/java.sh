# The Java client: builds without a warning, passes its tests, allocates nothing a call, and serves
# a user who has the installed jar and nothing else of the project.
source "$(dirname "$0")/lib.sh"
need make make
# Debian and Ubuntu name the package by their default version; some images have 17 alone.
need javac default-jdk-headless || need javac openjdk-17-jdk-headless
factord=$(binary)

make -C clients/java clean
make -C clients/java all doc
make -C clients/java check FACTORD="$factord"

folder=$(mktemp -d)
make -C clients/java install DESTDIR="$folder" PREFIX=/usr
jar=$folder/usr/share/java/factord.jar
entries=$(jar --list --file "$jar")
grep -q '^factord/Client.class' <<<"$entries"
grep -q 'libfactord_jni.so$' <<<"$entries"
grep -q 'libfactord_factors_jni.so$' <<<"$entries"

"$factord" serve --no-http --idle backoff --socket "$folder/factord.sock" \
  >"$folder/out" 2>"$folder/log" &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon" || true; rm -r "$folder"' EXIT
for _ in $(seq 100); do
  if grep -q Ctrl-C "$folder/out"; then break; fi
  sleep 0.1
done
# As a new user would, from a folder of one's own.
cp clients/java/examples/*.java "$folder"
cd "$folder" || exit 1
javac -Xlint:all -Werror --release 17 -cp "$jar" -d outside ./*.java
for example in Basic Batch Ping LiveFactors; do
  FACTORD_SOCKET=$folder/factord.sock timeout 60 java -cp "$jar:outside" "$example"
done
