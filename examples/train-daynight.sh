#!/usr/bin/env bash
# How day2night and night2day were made: 1,000 frames of driving by day against 1,000 by night
# (640x360). Crops of most of the height, so that sky and road are told apart; discriminators that
# judge EfficientNet's features beside pixels (pip install 'vidgan[metrics]'). Forty minutes and an
# hour of one idle core with bf16; of the second, 5,500 images suffice for what is kept.
# Usage: train-daynight.sh DAY_FOLDER NIGHT_FOLDER RUN
set -euo pipefail
common=(--images 9000 --flat-share 0.6 --keep 500 --batch 2 --crop 96 --load 120
  --generator fast --discriminator both --discriminator-filters 32
  --lr-g 4e-4 --lr-d 4e-4 --lambda-cycle 4 --lambda-identity 0 --seed 0)
vidgan train --a "$1" --b "$2" --out "$3/first" "${common[@]}"
# To day a term for stability leaves out a third of the flicker, and the stripes, at no cost to the gap.
vidgan train --a "$1" --b "$2" --out "$3/steady" "${common[@]}" --lambda-stability 5
vidgan models import "$3/first/every/00004000" --name day2night-teacher --direction a2b --size 144 --steady 0.85
vidgan models import "$3/steady/every/00003500" --name night2day-teacher --direction b2a --size 144 --steady 0.85
# Students of separable convolutions, which take two fifths of the time on CPUs without AMX: half an hour each.
student=(--separable --batch 2 --lr 4e-4 --discriminator-filters 32)
vidgan distill --teacher day2night-teacher --data "$1" --out "$3/day2night" "${student[@]}" --lambda-stability 5 --images 8000 --seed 14
vidgan distill --teacher night2day-teacher --data "$2" --out "$3/night2day" "${student[@]}" --lambda-stability 10 --images 6000 --seed 16
# Empty dark ground got lamps; dividing by as much again as is usual keeps most of them away.
vidgan models import "$3/day2night" --name day2night --size 144 --steady 0.85 --half --norm-eps 1 --data "$1"
# A fifth less of the change keeps films of streets below 1.3 times their own warping error.
vidgan models import "$3/night2day" --name night2day --size 144 --steady 0.94 --half --change 0.8
