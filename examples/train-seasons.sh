#!/usr/bin/env bash
# How summer2winter and winter2summer were made: 1,124 photographs of Yosemite in summer (the public
# summer2winter_yosemite set, cleaned of duplicates) against 1,346 of snow. About 40 minutes on two
# idle cores.   Usage: train-seasons.sh SUMMER_FOLDER SNOW_FOLDER RUN
set -euo pipefail
vidgan train --a "$1" --b "$2" --out "$3" \
  --images 9000 --batch 2 --crop 128 --load 144 --generator fast --discriminator-filters 32 \
  --lr-g 4e-4 --lr-d 4e-4 --lambda-cycle 4 --lambda-identity 0 --seed 0
vidgan models import "$3" --name summer2winter --direction a2b --size 144
vidgan models import "$3" --name winter2summer --direction b2a --size 144
