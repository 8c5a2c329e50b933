# Names for what is done often; the scripts under ops do the work.
.PHONY: build test demo bench format

build:
	swift build -c release

test:
	./ops/test

demo:
	./ops/demo

bench:
	./ops/bench/compute

format:
	swift format -i -r Package.swift Sources Tests workers ops/bench ops/fuzz
