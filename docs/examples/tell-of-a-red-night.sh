#!/bin/sh
# Tells a Slack webhook ($SLACK_WEBHOOK) that a night was red. Its address is a secret: it goes by stdin, not argv.
set -eu
text="Drillyard: the drills of $(date +%F) on $(uname -n) are red; the newest evidence is in $(readlink -f runs/latest)"
printf 'url = "%s"\n' "$SLACK_WEBHOOK" |
  curl -fsS --max-time 30 -K - -H 'Content-Type: application/json' -d "{\"text\": \"$text\"}"
