#!/usr/bin/env bash
# How summer2winter and winter2summer were made: 1,124 photographs of Yosemite in summer (the public
# summer2winter_yosemite set, cleaned of duplicates) against 1,346 of snow. Discriminators judge
# EfficientNet's features beside pixels (pip install 'vidgan[metrics]'). Four trainings: each goes on
# with the networks of the one before, with less weight on the cycle, the last two on larger pictures.
# About three hours on one idle core with bf16.
# Usage: train-seasons.sh SUMMER_FOLDER SNOW_FOLDER RUN
set -euo pipefail
common=(--a "$1" --b "$2" --keep 500 --batch 2 --generator fast
  --discriminator both --discriminator-filters 32 --lambda-identity 0)
vidgan train --out "$3/first" "${common[@]}" --images 12000 --flat-share 0.5 --crop 96 --load 120 \
  --lr-g 4e-4 --lr-d 4e-4 --lambda-cycle 4 --seed 0
# Ours was to have 8,000 images, and the third began with what there was after some 5,000 of them.
vidgan train --out "$3/second" "${common[@]}" --start-from "$3/first" --images 5000 \
  --flat-share 0.96 --crop 96 --load 120 --lr-g 2e-4 --lr-d 2e-4 --lambda-cycle 1.5 --seed 5
vidgan train --out "$3/third" "${common[@]}" --start-from "$3/second" --images 8000 \
  --flat-share 0.6 --crop 112 --load 168 --lr-g 2e-4 --lr-d 2e-4 --lambda-cycle 0.8 --seed 6
# The fourth begins with two generators, and with discriminators that know nothing yet.
vidgan train --out "$3/fourth" "${common[@]}" --start-from "$3/third/every/00005000/a2b.safetensors" \
  --start-from "$3/third/every/00008000/b2a.safetensors" --images 10000 \
  --flat-share 0.6 --crop 128 --load 208 --lr-g 1e-4 --lr-d 2e-4 --lambda-cycle 0.8 --seed 8
# An average: it closes less of the gap than the fourth alone, but dark places turn less blue.
vidgan models import "$3/third/every/00005000" "$3/fourth/every/00004000" --name summer2winter \
  --direction a2b --size 208 --steady 0.85 --half
vidgan models import "$3/third/every/00008000" --name winter2summer-teacher --direction b2a --size 176 --steady 0.85
# A student of separable convolutions, which takes two fifths of the time: an hour. Ours saw noise of up to
# 4 levels that its teacher did not, by an option that --lambda-stability has replaced.
vidgan distill --teacher winter2summer-teacher --data "$2" --out "$3/winter2summer" --separable \
  --images 12000 --batch 2 --lr 4e-4 --discriminator-filters 32 --seed 12
vidgan models import "$3/winter2summer" --name winter2summer --size 208 --steady 0.85 --half
