package dnspod

// Known are the codes that the tests make a page of.
var Known = known
