// Before anything counts this page: the number of the checkout leaves the
// address.  The entry of the browser's history keeps it, for a reload.
(function () {
  var here = new URL(location.href);
  var id = here.searchParams.get('session_id');
  if (id === null) return;
  here.searchParams.delete('session_id');
  history.replaceState({ checkout: id }, '', here.pathname + here.search + here.hash);
})();
