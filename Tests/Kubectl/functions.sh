# Read by every step of the pages: commands that go on while others run.

follow() {  # COMMAND...: starts it, with its output in the file `followed`
  timeout 60 "$@" >followed 2>&1 &
  followed=$!
}

until_it_says() {  # TEXT: waits until the followed command has printed it
  local turn
  for turn in $(seq 600); do
    grep -q -e "$1" followed && return
    sleep 0.05
  done
  echo "it never said: $1"
}

enough() {  # ends the followed command and prints what it did
  kill "$followed" 2>/dev/null
  wait "$followed" 2>/dev/null
  cat followed
}

finished() {  # prints what the followed command did, when it has ended by itself
  wait "$followed"
  local status=$?
  cat followed
  return $status
}
