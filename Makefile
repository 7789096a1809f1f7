# SPDX-License-Identifier: GPL-2.0
#
# The face of the project: make help.  benchmarks/start.sh checks the variables and runs
# the scripts.

.DEFAULT_GOAL := help
TARGETS := bench test torture trace host results series modules check docs clean distclean
.PHONY: help $(TARGETS)
export

$(TARGETS):
	@bash benchmarks/start.sh $@ $(foreach v,$(.VARIABLES),$(if $(findstring command,$(origin $v)),$v))

help:
	@cat benchmarks/help.txt
