"""Environment files on a host: variables set in them for good, the file of before kept beside them."""

from __future__ import annotations

import re
from typing import Literal

from agent.errors import BadPage
from agent.secrets import Secret
from agent.supervisors import Values
from agent.transport.ask import Done, Sh

Quoting = Literal["systemd", "compose"]
VALUE = "DRILLYARD_V_"
"""Before a variable's name: the variable of our own scripts in which its secret value travels."""

_DONE = Done(0)
_BEFORE = ".drillyard-before"
_NO_NAME = re.compile(r"[^A-Za-z0-9_]|^[0-9]|^$")

# Everything here is a builtin of the shell or reads its input, so that no value stands in an argv. The new
# file is made of the old one line by line, which keeps its comments and its order: a line may use an earlier.
_SET = r"""# set variables in a file of environment, and keep the file of before
set -euf
file=$1 quoting=$2
shift 2
case $file in */*) mkdir -p -m 700 "${file%/*}" ;; esac
[ ! -L "$file" ] || file=$(readlink -f "$file")
newline='
'
names=
for word; do
  name=${word%%=*}
  case $word in *=*) eval "DRILLYARD_V_$name=\${word#*=}" ;; esac
  names="$names $name"
  eval "value=\$DRILLYARD_V_$name"
  case $value in *"$newline"*)
    echo "the value of $name has a line break, which no environment file can hold" >&2; exit 65 ;;
  esac
done
line_of() {
  eval "value=\$DRILLYARD_V_$1"
  case $quoting in
  systemd) value=$(printf '%s\n' "$value" | sed 's/[\\"$`]/\\&/g') ;;
  compose) value=$(printf '%s\n' "$value" | sed 's/[\\"$]/\\&/g') ;;
  esac
  printf '%s="%s"\n' "$1" "$value"
}
umask 077
new=$file.drillyard-new
rm -f "$new"
[ ! -e "$file" ] || cp -p "$file" "$new"
: >"$new"
left=" $names "
[ ! -e "$file" ] || while IFS= read -r line || [ -n "$line" ]; do
  name=${line%%=*} value=${line#*=}
  name=$(echo ${name#export })
  case $line in *=*) ;; *) name='#' ;; esac
  case " $names " in *" $name "*) ;; *) printf '%s\n' "$line" >>"$new"; continue ;; esac
  case $value in \'*\'*|\"*\"*) ;; [\'\"]*)
    rm -f "$new"
    echo "the value of $name in $file goes over several lines; write it on one" >&2; exit 65 ;;
  esac
  case $left in *" $name "*) line_of "$name" >>"$new"; left="${left%% "$name" *} ${left#* "$name" }" ;; esac
done <"$file"
for name in $left; do line_of "$name" >>"$new"; done
if [ -e "$file" ] && cmp -s "$file" "$new"; then rm -f "$new"; exit 0; fi
if [ -e "$file" ]; then cp -p "$file" "$file.drillyard-before"; else : >"$file.drillyard-before"; fi
sync "$new" 2>/dev/null || sync
mv -f "$new" "$file"
"""

_RESTORE = r"""# put the file of environment of before back
set -euf
file=$1
[ ! -L "$file" ] || file=$(readlink -f "$file")
[ -e "$file.drillyard-before" ] || { echo "no environment of before is kept beside $file" >&2; exit 66; }
cp -p "$file.drillyard-before" "$file.drillyard-new"
sync "$file.drillyard-new" 2>/dev/null || sync
mv -f "$file.drillyard-new" "$file"
"""


def kept(path: str) -> str:
    """Return where the file of before is kept."""
    return path + _BEFORE


def write(path: str, values: Values, quoting: Quoting, *, sudo: bool = True) -> Sh:
    """Return the ask that sets variables in the file at `path`, which need not be there yet.

    A file that is there keeps its owner, mode, comments and order; a new one is for its owner alone. Asked
    again it changes nothing, what is kept included.

    Raises:
        BadPage: a name that no variable can have.
    """
    return Sh(
        *(_SET, path, quoting, *words(values)),
        script=True,
        sudo=sudo,
        secrets=secrets(values),
        changes=f"sets {', '.join(values)} in {path}, and keeps the file of before",
        again="safe",
        supposing=_DONE,
    )


def put_back(path: str, *, sudo: bool = True) -> Sh:
    """Return the ask that puts the file of before back; asked again it changes nothing."""
    return Sh(
        *(_RESTORE, path),
        script=True,
        sudo=sudo,
        changes=f"puts the {path} of before back",
        again="safe",
        supposing=_DONE,
    )


def words(values: Values) -> list[str]:
    """Return `NAME=value` for plain values, `NAME` for secret ones, which travel as `secrets`.

    Raises:
        BadPage: a name that no variable can have, or no variable at all.
    """
    wrong = [name for name in values if _NO_NAME.search(name)]
    if wrong or not values:
        raise BadPage(
            "Expected the names of variables (letters, digits, _), "
            f"found {', '.join(map(repr, wrong)) or 'none'}.",
            do="Write them below `values`, as NAME: value.",
        )
    return [name if isinstance(value, Secret) else f"{name}={value}" for name, value in values.items()]


def secrets(values: Values) -> dict[str, Secret]:
    """Return the secret values under the names in which our scripts find them."""
    return {VALUE + name: value for name, value in values.items() if isinstance(value, Secret)}
