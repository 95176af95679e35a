"""What all explorers share: controls, panels, drawings, stylesheet and scripts."""
