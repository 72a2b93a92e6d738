"""How paths, lines and progress are shown to a person, whatever part of the app tells of them."""
