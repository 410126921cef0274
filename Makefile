.PHONY: test race walkthrough ci

test: ## the tests of all modules
	go test work

race: ## the same under the race detector
	go test -race work

walkthrough: ## the main job, from start to end, with three attacks
	go run ./example/walkthrough

ci: ## everything that must hold before a change lands
	.ci/run
