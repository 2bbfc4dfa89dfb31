(function () {
  "use strict";
  var box = document.getElementById("find"), input = document.getElementById("q"), said = document.getElementById("found");
  if (!box) { return; }
  box.hidden = false;
  var rows = Array.prototype.slice.call(document.querySelectorAll(".plan tbody tr"));
  var texts = rows.map(function (row) { return row.querySelector("th").textContent.toLowerCase(); });
  function show() {
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean), left = 0;
    rows.forEach(function (row, i) {
      var fits = words.every(function (word) { return texts[i].indexOf(word) !== -1; });
      row.hidden = !fits;
      if (fits) { left += 1; }
    });
    Array.prototype.forEach.call(document.querySelectorAll("section.plan"), function (part) {
      part.hidden = !part.querySelector("tbody tr:not([hidden])");
    });
    said.textContent = words.length ? left + " of " + rows.length + " shown" : "";
  }
  input.addEventListener("input", show);
}());
