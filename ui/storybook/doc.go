// Package storybook draws every page in every state from fixtures, to be looked
// at and to be compared by tests. It knows no server, no database and no policy.
package storybook
