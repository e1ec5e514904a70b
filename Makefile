# Software CIE. "make" lists the targets.

# The versions of the tools; their folder survives "make clean" and a new clone.
GOLANGCI_LINT_VERSION := v2.15.0
GOFUMPT_VERSION       := v0.12.0

CACHE         := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/softwarecie
GOLANGCI_LINT := $(CACHE)/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
GOFUMPT       := $(CACHE)/tools/gofumpt-$(GOFUMPT_VERSION)/gofumpt

# One set of flags for build, test and lint: another would compile everything again.
# gles: the window is drawn through OpenGL ES, whose binding compiles in seconds.
# no_emoji: it shows none, and their font costs 20 MB of memory.
export GOFLAGS     := -trimpath -buildvcs=false -mod=readonly -tags=gles,no_emoji
export GOTOOLCHAIN ?= auto
export PATH        := $(CACHE)/go/bin:$(PATH):/usr/sbin:/sbin

VERSION := $(or $(shell git describe --tags --always --dirty 2>/dev/null),unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# The programs in Go, each in a folder of cmd.
PROGRAMS := $(patsubst cmd/%/main.go,%,$(wildcard cmd/*/main.go))

.PHONY: help deps build run test unit integration race figures screenshots soak fuzz fuzz-short check lint vet format docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build the programs and the PKCS#11 library into build/
	@scripts/deps.sh build
	@mkdir -p build
	go build -ldflags '$(LDFLAGS)' -o build/ $(addprefix ./cmd/,$(PROGRAMS))
	cmd/cie-pkcs11/build.sh build/libcie-pkcs11.so

run: ## show the main job, with your card or an emulated one
	@scripts/deps.sh run
	@$(MAKE) --no-print-directory build
	@scripts/run.sh

test: ## run all tests; installs what they need
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory unit integration

unit: ## run the tests that need nothing but Go
	go test ./...

integration: build ## run the tests that go through pcscd and other programs
	scripts/integration.sh

race: ## run the unit tests with the race detector
	go test -race ./...

figures: build ## measure the library and the window: time, memory, commands to the card
	go test -tags gles,integration -count=1 -v -run '^(TestFigures|TestAPDUBudget|TestLooksWhileACardWorks)$$' ./internal/moduletest
	go test -tags gles,integration -count=1 -run "^$$" -bench . -benchtime 3x ./cmd/cie-gui

screenshots: build ## take the pictures of the window in docs/screenshots
	CIE_SCREENSHOTS=$(CURDIR)/docs/screenshots go test -tags gles,integration -count=1 -run '^TestStory$$' ./cmd/cie-gui

# For a night: the sizes are in the tests.
soak: build ## run the storms on the PKCS#11 library and the card's tries for hours
	CIE_SOAK=1 go test -tags gles,integration -count=1 -timeout 12h -v \
		-run '^(TestStorm|TestForks|TestFinalizeAgainstCalls|TestProcessesOnOneCard|TestLyingHelper|TestNoSequenceBlocksACardAtLength)$$' \
		./internal/moduletest ./pkcs11module

check: test vet format lint fuzz-short ## all that a change must pass, as in continuous integration

# Also that everything compiles for Windows, where PC/SC needs no C; the window's
# program does, for OpenGL. For macOS, those programs that need no SDK of Apple's.
vet:
	go vet -tags gles,integration ./...
	GOOS=windows CGO_ENABLED=0 go vet $$(go list ./... | grep -v /cmd/cie-gui)
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go build -o /dev/null ./cmd/cie ./cmd/cie-emulator ./cmd/cie-pkcs11-helper

# Also finds the mistakes of the packages' shell scripts.
lint: $(GOLANGCI_LINT) ## look for mistakes in code and scripts
	$(GOLANGCI_LINT) run ./...
	shellcheck .ci/run $$(git ls-files '*.sh')

format: $(GOFUMPT) ## tell the files that are not formatted
	@unformatted=$$($(GOFUMPT) -l .); [ -z "$$unformatted" ] || { echo "not formatted by gofumpt:" $$unformatted; exit 1; }

fuzz: ## fuzz each target for FUZZTIME (8m)
	scripts/fuzz.sh $(or $(FUZZTIME),8m)

fuzz-short:
	scripts/fuzz.sh $(or $(FUZZTIME),3s)

docs: ## write docs/cli.md, and the manual pages into build/man
	@mkdir -p build/man
	go run ./internal/cli/gendocs docs build/man

.PHONY: packages repo repro test-packages release-notes notice
packages: ## make the packages for Linux into build/packages, for ARCHS (this computer's)
	@scripts/deps.sh packages
	installer/linux/packages.sh build/packages $(or $(ARCHS),$$(go env GOARCH))

.PHONY: windows test-windows
windows: ## make the installers for Windows into build/packages
	@scripts/deps.sh windows
	installer/windows/packages.sh build/packages

test-windows: windows ## install, use, upgrade and remove them under wine; picture of the window in build/
	CIE_WINDOWS=$(CURDIR)/build/windows-amd64 CIE_SCREENSHOTS=$(CURDIR)/build \
		go test -tags gles,integration -count=1 -timeout 60m -v -run '^TestMSI$$' ./installer/pack

repo: ## make the repositories for apt and dnf of build/packages, signed with CIE_REPO_KEY
	installer/linux/repo.sh build/packages build/repo

release-notes: ## print what CHANGELOG.md says of VERSION (that of the tag)
	@$(if $(filter-out file default,$(origin VERSION)),CIE_VERSION=v$(VERSION)) go run ./installer/pack notes

notice: ## make the signed notice of this version into build/notice, with CIE_RELEASE_KEY
	go run ./installer/pack -out build/notice notice

repro: ## build the packages twice, in different folders, and compare them
	@scripts/deps.sh packages && scripts/deps.sh windows
	ARCH=$(ARCH) installer/linux/repro.sh $(or $(FORMATS),deb rpm arch tar single msi)

test-packages: ## install, use, upgrade and remove the packages in clean systems
	@scripts/deps.sh test-packages
	installer/linux/test-others.sh
	installer/linux/test-packages.sh $(or $(SUITES),bookworm trixie)

clean: ## remove what make has built
	rm -rf build

$(GOLANGCI_LINT):
	GOFLAGS= GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(GOFUMPT):
	GOFLAGS= GOBIN=$(@D) go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
