#!/usr/bin/env bash
# How summer2winter and winter2summer were made: 1,124 photographs of Yosemite in summer (the public
# summer2winter_yosemite set, cleaned of duplicates) against 1,346 of snow. Discriminators judge
# EfficientNet's features beside pixels (pip install 'vidgan[metrics]'). Four trainings: each goes on
# with the networks of the one before, with less weight on the cycle, the last two on larger pictures.
# Then students of separable convolutions, which take two fifths of the time on CPUs without AMX, and go on with real
# pictures of what they are for. About eight hours on one idle core with bf16.
# Usage: train-seasons.sh SUMMER_FOLDER SNOW_FOLDER RUN
set -euo pipefail
common=(--a "$1" --b "$2" --keep 500 --batch 2 --generator fast
  --discriminator both --discriminator-filters 32 --lambda-identity 0)
vidgan train --out "$3/first" "${common[@]}" --images 12000 --flat-share 0.5 --crop 96 --load 120 \
  --lr-g 4e-4 --lr-d 4e-4 --lambda-cycle 4 --seed 0
# Ours was to have 8,000 images, and the third began with what there was after 5,000 of them, when the
# rate had hardly begun to fall; here it falls to nothing in the last of 5,000.
vidgan train --out "$3/second" "${common[@]}" --start-from "$3/first" --images 5000 \
  --flat-share 0.96 --crop 96 --load 120 --lr-g 2e-4 --lr-d 2e-4 --lambda-cycle 1.5 --seed 5
vidgan train --out "$3/third" "${common[@]}" --start-from "$3/second" --images 8000 \
  --flat-share 0.6 --crop 112 --load 168 --lr-g 2e-4 --lr-d 2e-4 --lambda-cycle 0.8 --seed 6
# The fourth begins with two generators, and with discriminators that know nothing yet.
vidgan train --out "$3/fourth" "${common[@]}" --start-from "$3/third/every/00005000/a2b.safetensors" \
  --start-from "$3/third/every/00008000/b2a.safetensors" --images 10000 \
  --flat-share 0.6 --crop 128 --load 208 --lr-g 1e-4 --lr-d 2e-4 --lambda-cycle 0.8 --seed 8
# An average: it closes less of the gap than the fourth alone, but dark places turn less blue.
vidgan models import "$3/third/every/00005000" "$3/fourth/every/00004000" --name summer2winter-teacher \
  --direction a2b --size 208 --steady 0.85
vidgan models import "$3/third/every/00008000" --name winter2summer-teacher --direction b2a --size 176 --steady 0.85
# Ours saw noise of up to 4 levels that their teachers did not, by an option that --lambda-stability has replaced.
student=(--separable --images 12000 --batch 2 --lr 4e-4 --discriminator-filters 32)
vidgan distill --teacher summer2winter-teacher --data "$1" --out "$3/winter-student" "${student[@]}" --seed 11
vidgan distill --teacher winter2summer-teacher --data "$2" --out "$3/summer-student" "${student[@]}" --seed 12
# Then each learns from real pictures of what it is for; its teacher keeps it to the input.
going_on=(--batch 2 --lr 2e-4 --lambda-output 8 --discriminator both --discriminator-filters 32 --keep 500)
vidgan distill --teacher summer2winter-teacher --data "$1" --targets "$2" --out "$3/winter" \
  --start-from "$3/winter-student" "${going_on[@]}" --images 8000 --seed 21
# The third part of the mean that ships was asked to be steady; broken off after 1,500 images.
vidgan distill --teacher summer2winter-teacher --data "$1" --targets "$2" --out "$3/winter-steady" \
  --start-from "$3/winter/every/00006500" "${going_on[@]}" --images 3000 --lambda-stability 3 --seed 24
vidgan models import "$3/winter/every/00005000" "$3/winter" "$3/winter-steady/every/00001500" \
  --name summer2winter --direction a2b --size 208 --steady 0.92 --half
vidgan distill --teacher winter2summer-teacher --data "$2" --targets "$1" --out "$3/summer" \
  --start-from "$3/summer-student" "${going_on[@]}" --images 5000 --load 208 --crop 184 --seed 23
vidgan models import "$3/summer" --name winter2summer --direction a2b --size 208 --steady 0.85 --change 0.85 --half
