# Names for what is done often; the scripts under ops do the work.
.PHONY: help check format build test demo bench

help: ## print this list
	@sed -n 's/^\([a-z]*\): ## /\1 /p' Makefile | while read -r name text; do printf '%-8s %s\n' "$$name" "$$text"; done

check: ## everything that must be green before a commit: format, build without warnings, all tests
	./ops/test

format: ## format all Swift files in place
	./ops/format

build: ## build the programs with optimisation, into .build/release
	swift build -c release

test: ## build and run the tests alone; the whole check is "check"
	swift build --build-tests
	swift test --skip-build --parallel

demo: ## train, sample and evaluate a small model on real images through the queue
	./ops/demo

bench: ## measure the kernels and a training step beside PyTorch
	./ops/bench/compute
