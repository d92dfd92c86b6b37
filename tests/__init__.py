"""The tests mirror the tree. This is a package, so that none of its folders hides a module such as site."""
