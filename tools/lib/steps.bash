# SPDX-License-Identifier: MIT
# Sourced by the scripts that run many steps. A step is a command that ends with the line
# `N passed, N failed, N skipped`; the counts of all steps are summed. A step that fails without counting a failure,
# or that counts nothing at all, is itself one failure.
passed=0 failed=0 skipped=0
failures=()

# note TEXT...: a heading.
note() { printf '\n== %s\n' "$*"; }

# step NAME COMMAND...: runs it, shows what it prints, adds its counts.
step() {
  local name=$1 log status=0 line p=0 f=0 s=0 start=$SECONDS
  shift
  note "$name"
  log=$(mktemp)
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
  rm -f "$log"
  [ -z "$line" ] || IFS=' ,' read -r p _ f _ s _ <<<"$line"
  if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
    printf '%s: ended with status %s\n' "$name" "$status"
    f=1
  elif [ $((p + f + s)) -eq 0 ]; then
    printf '%s: ran nothing\n' "$name"
    f=1
  fi
  [ "$f" -eq 0 ] || failures+=("$name")
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  printf -- '-- %s: %s passed, %s failed, %s skipped in %s s\n' "$name" "$p" "$f" "$s" "$((SECONDS - start))"
}

# quietly COMMAND...: shows what it prints only if it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || { status=$?; cat "$log"; printf 'failed (status %s): %s\n' "$status" "$*"; }
  rm -f "$log"
  return "$status"
}

# one COMMAND...: a command that counts nothing, as a step of one test.
one() {
  if quietly "$@"; then echo '1 passed, 0 failed, 0 skipped'; else echo '0 passed, 1 failed, 0 skipped'; return 1; fi
}

# watched COMMAND...: the same for a command whose output is worth reading when it passes.
watched() {
  if "$@"; then echo '1 passed, 0 failed, 0 skipped'; else echo '0 passed, 1 failed, 0 skipped'; return 1; fi
}

# finish: the last line and the exit status of the script.
finish() {
  [ "${#failures[@]}" -eq 0 ] || { printf '\nfailed:\n'; printf '  %s\n' "${failures[@]}"; }
  printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
