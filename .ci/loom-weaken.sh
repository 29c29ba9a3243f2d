# Weakens each Acquire and Release that loom sees, one at a time and in a copy, and runs the loom
# tests of its file: a weakening that no test notices fails this check.
source "$(dirname "$0")/lib.sh"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/loom"
copy=$(mktemp -d)
copy_tree "$copy"

# Quicker to build; what takes its time in a test is loom itself.
quick=(--config 'profile.release.package.factord-core.opt-level=1'
  --config 'profile.release.package.factord-core.debug=false')

# run FILTER: the loom tests whose path holds it, in the copy.
run() {
  (cd "$copy" && RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=3 timeout 900 \
    cargo test --release --locked --package factord-core --lib "${quick[@]}" "$1" >log 2>&1)
}

variants=0
unnoticed=0
core=crates/core/src
for file in $core/ring/request.rs $core/ring/response.rs $core/tap/writer.rs $core/tap/reader.rs \
  $core/row.rs $core/model/shared.rs; do
  case $file in
    */ring/*) filter=ring::loom_tests ;;
    */tap/*) filter=tap::loom_tests ;;
    *) filter=$(basename "$file" .rs)::loom_tests ;;
  esac
  run "$filter" && grep -Eq '^test result: ok. [1-9]' "$copy/log" ||
    { cat "$copy/log"; echo "$file: the tests fail before anything is weakened"; exit 1; }
  for line in $(grep -nE 'Ordering::(Acquire|Release)' "$file" | cut -d: -f1); do
    cp "$file" "$copy/$file"
    # There are no relaxed fences: a weakened one is none at all.
    sed -i -E "${line}s/fence\(Ordering::(Acquire|Release)\);//; \
      ${line}s/Ordering::(Acquire|Release)/Ordering::Relaxed/" "$copy/$file"
    variants=$((variants + 1))
    if run "$filter"; then
      unnoticed=$((unnoticed + 1))
      echo "$file:$line: NOT NOTICED: $(sed -n "${line}p" "$file" | xargs)"
    elif grep -q '^test result: FAILED' "$copy/log"; then
      echo "$file:$line: noticed: $(sed -n "${line}p" "$file" | xargs)"
    else
      tail -20 "$copy/log"
      echo "$file:$line: the weakened copy did not run"
      exit 1
    fi
  done
  cp "$file" "$copy/$file"
done
echo "$variants weakened, $unnoticed not noticed"
[ "$variants" -gt 8 ] && [ "$unnoticed" = 0 ]
