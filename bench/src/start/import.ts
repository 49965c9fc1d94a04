import "sluice";
