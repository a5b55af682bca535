package history

const (
	// stepsMax bounds a search, and thereby its memory: a history that can be decided takes a few steps per operation, and
	// each step that goes forward keeps a state.
	stepsMax  = 20_000_000
	statesMax = 200_000

	// reapsMax is how many containers are thought to have gone between two operations.
	reapsMax = 2

	// violationsMax is how many violations one check lists: the first ones tell what is wrong, the others repeat it.
	violationsMax = 20

	// aroundMax is how many operations before and behind the one at fault an explanation shows.
	aroundMax = 12
)
