#!/usr/bin/env bash
# How summer2winter and winter2summer were made: 1,124 photographs of Yosemite in summer (the public
# summer2winter_yosemite set, cleaned of duplicates) against 1,346 of snow. Discriminators judge
# EfficientNet's features beside pixels (pip install 'vidgan[metrics]'). About three quarters of an
# hour on one idle core with bf16.   Usage: train-seasons.sh SUMMER_FOLDER SNOW_FOLDER RUN
set -euo pipefail
vidgan train --a "$1" --b "$2" --out "$3" \
  --images 12000 --flat-share 0.5 --keep 500 --batch 2 --crop 96 --load 120 \
  --generator fast --discriminator both --discriminator-filters 32 \
  --lr-g 4e-4 --lr-d 4e-4 --lambda-cycle 4 --lambda-identity 0 --seed 0
vidgan models import "$3/every/00006000" --name summer2winter --direction a2b --size 208 --half
vidgan models import "$3/every/00012000" --name winter2summer --direction b2a --size 176 --half
