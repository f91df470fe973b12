package debug

// Say tells the client something that is for a person, with its secrets masked.
func (s *Session) Say(text string) { s.emit(Event{Kind: Output, Text: s.masked(text)}) }
