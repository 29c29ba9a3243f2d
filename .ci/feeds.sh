# The samples of every feed, read by the command line, against what an independent script computes.
source "$(dirname "$0")/lib.sh"
need python3 python3
factord=$(binary)
timeout 600 python3 .ci/feeds_right.py "$factord"
