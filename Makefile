# SPDX-License-Identifier: GPL-2.0
#
# All targets of the project: see make help.  benchmarks/start.sh checks the variables and
# runs the script of a target.

.DEFAULT_GOAL := help
TARGETS := bench test torture trace host results series modules check docs clean distclean
.PHONY: help $(TARGETS)

$(TARGETS):
	@bash benchmarks/start.sh $@ $(foreach v,$(.VARIABLES),$(if $(findstring command,$(origin $v)),$v))

help:
	@cat benchmarks/help.txt
