# Every library by itself, with every combination of its features: nothing builds only because
# another package happens to ask for what it needs. The program is built by itself anyway.
source "$(dirname "$0")/lib.sh"
need python3 python3

combinations=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import itertools, json, sys
for package in json.load(sys.stdin)["packages"]:
    if "/crates/" not in package["manifest_path"]:
        continue
    features = sorted(set(package["features"]) - {"default"})
    for count in range(len(features) + 1):
        for chosen in itertools.combinations(features, count):
            print(package["name"], ",".join(chosen))
')
while read -r package features; do
  echo "$package: ${features:-no feature}"
  cargo check --quiet --release --locked --package "$package" --no-default-features \
    --features "$features"
done <<<"$combinations"
