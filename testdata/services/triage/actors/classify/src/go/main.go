// Actor classify says of issues and pull requests which language they are in,
// of which kind, how urgent, and what they repeat. The numbers are those of
// docs/requirements.md.
package main

import (
	"slices"
	"strconv"
	"strings"

	grow "github.com/grow-platform/grow/sdk/go"
)

const labelsMax = 100

func init() {
	grow.On("thread.read", classify)
	grow.On("classified.get", get)
}

func classify(ctx *grow.Context, read ThreadRead) error {
	if len(read.Labels) > labelsMax {
		return grow.Refusef("thread.labels", "%d labels are more than %d", len(read.Labels), labelsMax)
	}
	t := newText(read.Title, read.Body)
	if len(t.words()) == 0 {
		return grow.Refuse("thread.empty", "the thread has no words")
	}
	var config Config
	if err := ctx.Config(&config); err != nil {
		return err
	}
	var state ClassifyState
	if _, err := ctx.State.Get("", &state); err != nil {
		return err
	}
	state.Seen++
	kind, sketch := kindOf(t, read.Labels, read.PullRequest), sketchOf(t)
	thread := ClassifyStateThread{
		Number: read.Number, Seq: state.Seen, Delivery: read.Delivery, PullRequest: read.PullRequest,
		Language: languageOf(t), Kind: kind, Urgency: urgencyOf(t, read.Labels, kind),
		Duplicates: duplicates(sketch, read.Number, state.Threads, config.Similar), Sketch: sketch,
	}
	logThread(ctx, &thread)
	state.Threads = slices.DeleteFunc(state.Threads, func(t ClassifyStateThread) bool { return t.Number == thread.Number })
	state.Threads = append(state.Threads, thread)
	state.Threads = state.Threads[max(0, len(state.Threads)-int(config.Remember)):]
	if err := ctx.State.Set("", &state); err != nil {
		return err
	}
	return ctx.Send(TypeThreadClassified, ThreadClassified(found(read.Repository, &thread)))
}

func logThread(ctx *grow.Context, t *ClassifyStateThread) {
	numbers := make([]string, len(t.Duplicates))
	for i, d := range t.Duplicates {
		numbers[i] = strconv.FormatInt(d.Number, 10)
	}
	ctx.Log.Info("classified", "delivery", t.Delivery, "seq", t.Seq, "language", t.Language, "kind", t.Kind,
		"urgency", t.Urgency, "duplicates", strings.Join(numbers, " "))
}

func get(ctx *grow.Context, get ClassifiedGet) error {
	repository := get.Owner + "/" + get.Repo
	var state ClassifyState
	if _, err := ctx.State.Get("", &state); err != nil {
		return err
	}
	if get.Number == nil && state.Seen > 0 {
		list := make([]ClassifiedListedThread, len(state.Threads))
		for i := range state.Threads {
			list[i] = listed(&state.Threads[i])
		}
		return ctx.Send(TypeClassifiedListed, ClassifiedListed{Repository: repository, Seen: state.Seen, Threads: list})
	}
	for i := range state.Threads {
		if t := &state.Threads[i]; get.Number != nil && t.Number == *get.Number {
			return ctx.Send(TypeClassifiedFound, found(repository, t))
		}
	}
	return ctx.Send(TypeClassifiedUnknown, ClassifiedUnknown{Repository: repository, Number: get.Number})
}

func found(repository string, t *ClassifyStateThread) ClassifiedFound {
	return ClassifiedFound{
		Repository: repository, Number: t.Number, Seq: t.Seq, Delivery: t.Delivery, PullRequest: t.PullRequest,
		Language: t.Language, Kind: t.Kind, Urgency: t.Urgency, Duplicates: t.Duplicates,
	}
}

func listed(t *ClassifyStateThread) ClassifiedListedThread {
	return ClassifiedListedThread{
		Number: t.Number, Seq: t.Seq, Delivery: t.Delivery, PullRequest: t.PullRequest,
		Language: t.Language, Kind: t.Kind, Urgency: t.Urgency, Duplicates: t.Duplicates,
	}
}

func main() {}
