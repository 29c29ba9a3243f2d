#!/bin/sh
# The runner of the conformance suite, beside its jar and classes.
here=$(dirname "$(readlink -f "$0")")
exec "${JAVA:-java}" -cp "$here/factord.jar:$here/classes" conformance.Main "$@"
